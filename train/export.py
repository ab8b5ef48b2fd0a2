"""From a trained network to the net file that everything else uses, with proof that they paint the same, and back.

One export serves all kinds of nets: a network says what it is by the attributes of `FileNetwork`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from engines.backends import open_engine
from engines.calibration import with_int8_scales
from engines.contract import EngineOptions, Picture
from engines.errors import BackendError, BadInputError, NetFileError
from engines.library import Style, write_style
from engines.net_file import NetFile, NetSpec, net_from_model, write_net
from train.credits import Credit
from train.data import read_rgb
from train.networks import NETWORKS, TransformNet

__all__ = [
    "FileNetwork",
    "check_parity",
    "export_net",
    "net_from_network",
    "network_from_net_file",
    "paint",
    "parity_photos",
    "style_of",
]

_OPSET = 18
_ALLOWED_DIFFERENCE = 1
"""Of 255: rounding may fall either way where two runtimes differ in the last digit."""
_PARITY_SIZE = (256, 192)
_PARITY_PHOTOS = 4
_LARGEST_SIDE = 8192
_LARGEST_SIDE_IN_UNITS = 4096
"""Where sides are multiples of something."""
_PREFIX = "net."
"""What the exporter puts before the names of a network's parameters."""


class FileNetwork(Protocol):
    """A module that can become a net file: float `(n, 3, h, w)`, RGB in 0..1, to the same `scale` times as large.

    Where `style_length` is above 0, it takes style vectors, float `(n, style_length)`, too.
    """

    kind: str
    """As in `NetSpec`, like all that follows."""
    scale: int
    size_multiple: int
    style_length: int
    margin: int

    def deployed(self) -> nn.Module:
        """What the file holds: this network on the CPU, in float32, without what only training needs."""


class _Ends(nn.Module):
    """The graph of a net file: pictures as they are on both sides."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, frame: Tensor, style: Tensor | None = None) -> Tensor:
        """uint8 `(1, h, w, 3)` and, for a net of styles, float `(1, d)` to uint8 `(1, h * scale, w * scale, 3)`.

        The cast comes first: TensorRT takes uint8 nowhere else.
        """
        picture = frame.float().permute(0, 3, 1, 2) / 255
        image: Tensor = self.net(picture) if style is None else self.net(picture, style)
        return (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def net_from_network(
    net: FileNetwork,
    *,
    name: str,
    licence: str = "MIT",
    training: Mapping[str, object] | None = None,
    auto: bool = True,
) -> NetFile:
    """Make a net file of a network in float32. The same weights give the same file."""
    example = [torch.zeros(1, 64, 96, 3, dtype=torch.uint8)]
    shapes: list[dict[int, object] | None] = [dict(zip((1, 2), _sides(net.size_multiple), strict=True))]
    if net.style_length:
        example.append(torch.zeros(1, net.style_length))
        shapes.append(None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own deprecations while it exports
        program = torch.onnx.export(
            _Ends(net.deployed()).eval(),
            tuple(example),
            dynamo=True,
            dynamic_shapes=tuple(shapes),
            input_names=["frame", "style"][: len(example)],
            output_names=["image"],
            opset_version=_OPSET,
            verbose=False,
        )
    assert program is not None
    spec = NetSpec(
        name=name,
        kind=net.kind,
        scale=net.scale,
        size_multiple=net.size_multiple,
        style_length=net.style_length,
        margin=net.margin,
        licence=licence,
        training=training or {},
        auto=auto,
    )
    return net_from_model(program.model_proto, spec)


def _sides(multiple: int) -> list[object]:
    """Height and width of a frame, as the exporter wants to hear of them."""
    if multiple == 1:
        return [torch.export.Dim(side, min=16, max=_LARGEST_SIDE) for side in ("h", "w")]
    least = -(-16 // multiple)
    units = [torch.export.Dim(f"{side}_units", min=least, max=_LARGEST_SIDE_IN_UNITS) for side in ("h", "w")]
    return [multiple * unit for unit in units]


@torch.no_grad()
def paint(net: nn.Module, frame: Picture, vector: Tensor | None) -> Picture:
    """What a network itself makes of a frame, uint8 `(h, w, 3)` RGB, in float32. vector: None where it takes none."""
    device = next(net.parameters()).device
    inputs = [torch.from_numpy(frame), *(() if vector is None else (vector,))]
    image: Picture = _Ends(net)(*(x[None].to(device) for x in inputs))[0].contiguous().cpu().numpy()
    return image


def parity_photos(pictures: Sequence[Path]) -> list[Picture]:
    """The last few pictures that can be read, at one size, uint8 `(h, w, 3)` RGB. Raises BadInputError for none."""
    found = []
    for path in reversed(pictures):
        if (picture := read_rgb(path)) is not None:
            found.append(np.asarray(cv2.resize(picture, _PARITY_SIZE, interpolation=cv2.INTER_AREA), np.uint8))
        if len(found) == _PARITY_PHOTOS:
            break
    if not found:
        raise BadInputError("expected photos to check the files with, none can be read: check the content folder")
    return found


def check_parity(net: nn.Module, file: NetFile, vectors: Sequence[Tensor | None], photos: Sequence[Picture]) -> None:
    """Compare PyTorch with OpenVINO and ONNX Runtime in f32: every style, every photo (all of one size).

    vectors: `[None]` for a net that takes none. Raises BackendError where they paint differently, MissingPackageError
    without one of the two.
    """
    height, width = photos[0].shape[:2]
    numbers = range(max(len(vectors), len(photos)))
    inputs = [(photos[number % len(photos)], vectors[number % len(vectors)]) for number in numbers]
    wanted = [paint(net, photo, vector).astype(int) for photo, vector in inputs]
    for backend in ("openvino", "onnxruntime"):
        with open_engine(file, (width, height), backend=backend, options=EngineOptions(precision="f32")) as engine:
            for (photo, vector), image in zip(inputs, wanted, strict=True):
                engine.submit(photo, None if vector is None else vector.numpy())
                difference = np.abs(engine.collect() - image).max()
                if difference > _ALLOWED_DIFFERENCE:
                    raise BackendError(
                        f"net {file.spec.name} cannot be used: {backend} differs from PyTorch by {difference} of 255, "
                        f"at most {_ALLOWED_DIFFERENCE} is expected; please report this with your versions"
                    )


def export_net(
    folder: Path,
    net: FileNetwork,
    photos: Sequence[Picture],
    *,
    name: str,
    training: Mapping[str, object],
    styles: Sequence[tuple[Credit, Tensor]] = (),
    auto: bool = True,
    float_head: bool = False,
) -> NetFile:
    """Write `NAME.onnx` and, of a net with styles, `NAME/STYLE.safetensors`, after the parity check on `photos`.

    photos: of one size. styles: whose they are, and vectors, float32 `(style_length,)`. auto: as in `NetSpec`.
    float_head: as in `with_int8_scales`. Raises BackendError, and writes nothing, where a runtime makes anything else
    than PyTorch.
    """
    assert isinstance(net, nn.Module)
    vectors = [vector.detach().float().cpu() for _, vector in styles]
    file = net_from_network(net, name=name, training=training, auto=auto)
    file = with_int8_scales(file, photos, [vector.numpy() for vector in vectors] or [None], float_head=float_head)
    check_parity(net.eval(), file, vectors or [None], photos)
    for (credit, _), vector in zip(styles, vectors, strict=True):
        write_style(folder / name / f"{credit.name}.safetensors", style_of(vector, credit, file))
    write_net(folder / f"{name}.onnx", file)
    return file


def style_of(vector: Tensor, credit: Credit, net: NetFile) -> Style:
    """A style of a net. vector: float32 `(style_length,)` on the CPU."""
    return Style(vector=vector.numpy(), net=net.spec.name, net_digest=net.digest, **asdict(credit))


def network_from_net_file(file: NetFile) -> TransformNet:
    """The network that a file was made of, in float32, with proof that it paints as the file does.

    No checkpoint need be kept or shipped. Raises NetFileError for a file that was made of anything else, BackendError.
    """
    weights = {
        tensor.name.removeprefix(_PREFIX): torch.from_numpy(np.array(numpy_helper.to_array(tensor)))
        for tensor in onnx.load_model_from_string(file.model).graph.initializer
        if tensor.name.startswith(_PREFIX)
    }
    for make in NETWORKS.values():
        net = make()
        state = net.state_dict()
        zeros = {name: torch.zeros_like(value) for name, value in state.items() if name.endswith("bias")}
        found = zeros | weights  # exporters leave out a bias of zeros
        if _shapes(found) == _shapes(state):
            net.load_state_dict(found)
            noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
            check_parity(net.eval(), file, [net.neutral_style()[0]], [noise])
            return net
    raise NetFileError(
        f"net {file.spec.name}: expected one of the networks {', '.join(NETWORKS)} as rtstyle train bank writes them, "
        "its weights are of another: styles can only be fitted for those"
    )


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in weights.items()}
