"""From a trained network to the files that everything else uses, with proof that they paint the same."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engines.backends import open_engine
from engines.contract import EngineOptions, Picture
from engines.errors import BackendError, MissingPackageError
from engines.net_file import NetFile, NetSpec, net_from_model, write_net
from engines.style_file import Style, write_style
from train.credits import Credit
from train.networks import TransformNet

__all__ = ["check_parity", "export_bank", "net_from_network", "paint"]

OPSET = 18
_ALLOWED_DIFFERENCE = 1
"""Of 255: rounding may fall either way where two runtimes differ in the last digit."""


class _FileNet(nn.Module):
    """The graph of a net file: pictures as they are on both sides."""

    def __init__(self, net: TransformNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, frame: Tensor, style: Tensor) -> Tensor:
        """uint8 `(1, h, w, 3)` and float `(1, d)` to uint8 `(1, h, w, 3)`. Cast first: TensorRT takes uint8 only there."""
        image = self.net(frame.float().permute(0, 3, 1, 2) / 255, style)
        return (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def net_from_network(
    net: TransformNet, *, name: str, licence: str = "MIT", training: Mapping[str, object] | None = None
) -> NetFile:
    """Make a net file of a network in float32. The same weights give the same file."""
    net = net.to("cpu", torch.float32).eval()
    multiple = net.size_multiple
    height, width = (torch.export.Dim(f"{side}_units", min=-(-16 // multiple), max=4096) for side in ("h", "w"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own deprecations while it exports
        program = torch.onnx.export(
            _FileNet(net).eval(),
            (torch.zeros(1, 64, 96, 3, dtype=torch.uint8), net.neutral_style()),
            dynamo=True,
            dynamic_shapes=({1: multiple * height, 2: multiple * width}, None),
            input_names=["frame", "style"],
            output_names=["image"],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    spec = NetSpec(
        name=name,
        kind="style",
        size_multiple=multiple,
        style_length=net.style_length,
        margin=net.margin,
        licence=licence,
        training=training or {},
    )
    return net_from_model(program.model_proto, spec)


@torch.no_grad()
def paint(net: TransformNet, frame: Picture, vector: Tensor) -> Picture:
    """What the network itself makes of a frame, uint8 `(h, w, 3)` RGB, in float32."""
    image: Picture = _FileNet(net)(torch.from_numpy(frame)[None], vector[None])[0].numpy()
    return image


def check_parity(net: TransformNet, file: NetFile, vectors: Sequence[Tensor], photos: Sequence[Picture]) -> None:
    """Compare PyTorch with every backend that is here, in f32, on photos of one size. Raises BackendError."""
    height, width = photos[0].shape[:2]
    for backend in ("openvino", "onnxruntime"):
        try:
            engine = open_engine(file, (width, height), backend=backend, options=EngineOptions(precision="f32"))
        except MissingPackageError:
            if backend == "openvino":
                raise
            continue
        with engine:
            for number, photo in enumerate(photos):
                vector = vectors[number % len(vectors)]
                engine.submit(photo, vector.numpy())
                difference = np.abs(engine.collect().astype(int) - paint(net, photo, vector)).max()
                if difference > _ALLOWED_DIFFERENCE:
                    raise BackendError(
                        f"net {file.spec.name} is not written: {backend} differs from PyTorch by {difference} of 255, "
                        f"at most {_ALLOWED_DIFFERENCE} is expected"
                    )


def export_bank(
    folder: Path,
    net: TransformNet,
    vectors: Tensor,
    credits_of: Sequence[Credit],
    photos: Sequence[Picture],
    *,
    name: str,
    training: Mapping[str, object],
) -> NetFile:
    """Write `NAME.onnx` and `NAME/STYLE.safetensors`, after the parity check on `photos` (of one size).

    vectors: float32 `(styles, d)`, in the order of `credits_of`. Raises BackendError, and writes nothing, where a
    runtime paints anything else than PyTorch.
    """
    file = net_from_network(net, name=name, training=training)
    rows = [vector.detach().float().cpu() for vector in vectors]
    check_parity(net, file, rows, photos)
    for vector, credit in zip(rows, credits_of, strict=True):
        style = Style(
            name=credit.name,
            vector=vector.numpy(),
            net=name,
            net_digest=file.digest,
            title=credit.title,
            artist=credit.artist,
            year=credit.year,
            licence=credit.licence,
            source=credit.source,
        )
        write_style(folder / name / f"{credit.name}.safetensors", style)
    write_net(folder / f"{name}.onnx", file)
    return file
