"""From checkpoints of pytorch/examples fast_neural_style (`TransformerNet`) to net files.

The net of Johnson, Alahi, Fei-Fei 2016 with reflection padding, nearest upsampling, instance norm and pictures in
0..255 at both ends. Widths, the number of residual blocks and kernel sizes are read from the weights. Old versions
left running statistics in the file, which the net never uses.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from torch import Tensor
from torch.nn import functional as F

from engines.atomic import read_whole
from engines.contract import Picture
from engines.errors import BadInputError
from engines.import_onnx import Imported, check_import, net_from_plain
from train.transformer_graph import EPSILON, graph_from_arrays, transformer_layers

__all__ = ["net_from_checkpoint", "paint", "plain_from_weights", "weights_from_checkpoint"]

Weights = Mapping[str, Tensor]
"""float32, by the names that `TransformerNet` gives them, without what it does not use."""

_LARGEST = 512 * 2**20
_CHECK_SIZE = (160, 128)
_STALE = re.compile(r"\.(running_mean|running_var|num_batches_tracked)$")


def net_from_checkpoint(path: Path, *, name: str) -> Imported:
    """Make a net file of a checkpoint, and prove that both paint the same. No code of the checkpoint runs.

    Raises BadInputError for a file that is not such a checkpoint, BackendError where the net paints anything else
    than PyTorch does with the same weights.
    """
    content = read_whole(path, largest=_LARGEST)
    weights = weights_from_checkpoint(content, str(path))
    net = net_from_plain(
        plain_from_weights(weights),
        name=name,
        white_in=255,
        white_out=255,
        training={
            "imported_from": path.name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "architecture": "pytorch/examples fast_neural_style TransformerNet",
            "width": weights["conv1.conv2d.weight"].shape[0],
        },
        label=str(path),
    )
    difference = check_import(net, lambda frame: paint(weights, frame), _CHECK_SIZE)
    return Imported(net=net, white_in=255, white_out=255, difference=difference)


def weights_from_checkpoint(content: bytes, label: str) -> Weights:
    """Read a state dict with PyTorch's own reader of weights only. Raises BadInputError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PyTorch's own old formats
            loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a hostile file can make the unpickler raise anything
        raise BadInputError(
            f"{label}: expected a PyTorch checkpoint that holds weights and nothing else, it cannot be read as one "
            f"({type(error).__name__}): save it again with torch.save(net.state_dict(), PATH)"
        ) from error
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise BadInputError(f"{label}: expected a state dict of tensors by name, found {type(loaded).__name__}")
    weights = {
        str(key).removeprefix("module."): value.detach().float()
        for key, value in loaded.items()
        if not _STALE.search(str(key))
    }
    _check(weights, label)
    return weights


def plain_from_weights(weights: Weights) -> onnx.ModelProto:
    """The net as an ONNX graph that takes and gives float `(1, 3, h, w)`, RGB, 0..255."""
    return graph_from_arrays({key: value.numpy() for key, value in weights.items()}, blocks=_blocks(weights))


@torch.no_grad()
def paint(weights: Weights, frame: Picture) -> Picture:
    """What PyTorch makes of a frame with the same weights, uint8 `(h, w, 3)` RGB in and out."""
    x = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    kept = x
    for layer in transformer_layers(_blocks(weights)):
        weight, bias = weights[f"{layer.conv}.conv2d.weight"], weights[f"{layer.conv}.conv2d.bias"]
        kept = x if layer.opens else kept
        if layer.enlarge > 1:
            x = F.interpolate(x, scale_factor=layer.enlarge, mode="nearest")
        x = F.conv2d(F.pad(x, [weight.shape[-1] // 2] * 4, mode="reflect"), weight, bias, layer.stride)
        if layer.norm:
            x = F.instance_norm(
                x, weight=weights[f"{layer.norm}.weight"], bias=weights[f"{layer.norm}.bias"], eps=EPSILON
            )
        x = F.relu(x) if layer.relu else x
        x = x + kept if layer.closes else x
    picture: Picture = x.clamp(0, 255).round().to(torch.uint8)[0].permute(1, 2, 0).numpy()
    return picture


def _blocks(weights: Weights) -> int:
    return len({key.partition(".")[0] for key in weights if re.match(r"res\d+\.", key)})


def _check(weights: Weights, label: str) -> None:
    """Refuse anything that is not whole. Raises BadInputError."""
    layers = transformer_layers(_blocks(weights))
    names = {f"{layer.conv}.conv2d.{part}" for layer in layers for part in ("weight", "bias")}
    names |= {f"{layer.norm}.{part}" for layer in layers if layer.norm for part in ("weight", "bias")}
    for word, found in (("it lacks", names - set(weights)), ("it also has", set(weights) - names)):
        if found:
            some = ", ".join(sorted(found)[:3]) + (" ..." if len(found) > 3 else "")
            raise BadInputError(
                f"{label}: expected a TransformerNet of pytorch/examples fast_neural_style, but {word} {some}"
            )
    for key, value in weights.items():
        if not bool(torch.isfinite(value).all()):
            raise BadInputError(f"{label}: {key} holds NaN or infinity")
    channels = 3
    for layer in layers:
        weight = weights[f"{layer.conv}.conv2d.weight"]
        shapes = {f"{layer.conv}.conv2d.bias": weights[f"{layer.conv}.conv2d.bias"].shape}
        if layer.norm:
            shapes |= {key: weights[key].shape for key in (f"{layer.norm}.weight", f"{layer.norm}.bias")}
        square = weight.ndim == 4 and weight.shape[2] == weight.shape[3] and weight.shape[2] % 2 == 1
        if not square or weight.shape[1] != channels:
            raise BadInputError(
                f"{label}: expected {layer.conv} with {channels} channels in and an odd square kernel, "
                f"got {tuple(weight.shape)}"
            )
        channels = weight.shape[0]
        wrong = [key for key, shape in shapes.items() if tuple(shape) != (channels,)]
        if wrong:
            raise BadInputError(f"{label}: expected {wrong[0]} with {channels} numbers, got {tuple(shapes[wrong[0]])}")
    if channels != 3:
        raise BadInputError(f"{label}: expected a net that gives 3 channels, got {channels}")
