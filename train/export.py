"""From a trained network to the files that everything else uses, with proof that they paint the same."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from engines.backends import open_engine
from engines.calibration import with_int8_scales
from engines.contract import EngineOptions, Picture
from engines.errors import BackendError, BadInputError
from engines.library import Style, write_style
from engines.net_file import NetFile, NetSpec, net_from_model, write_net
from train.credits import Credit
from train.networks import TransformNet
from train.photos import read_rgb

__all__ = ["check_parity", "export_bank", "net_from_network", "paint", "parity_photos", "style_of"]

OPSET = 18
_ALLOWED_DIFFERENCE = 1
"""Of 255: rounding may fall either way where two runtimes differ in the last digit."""
_PARITY_SIZE = (256, 192)
_PARITY_PHOTOS = 4


class _FileNet(nn.Module):
    """The graph of a net file: pictures as they are on both sides."""

    def __init__(self, net: TransformNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, frame: Tensor, style: Tensor) -> Tensor:
        """uint8 `(1, h, w, 3)` and float `(1, d)` to uint8 `(1, h, w, 3)`.

        The cast comes first: TensorRT takes uint8 nowhere else.
        """
        image: Tensor = self.net(frame.float().permute(0, 3, 1, 2) / 255, style)
        return (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def net_from_network(
    net: TransformNet,
    *,
    name: str,
    licence: str = "MIT",
    training: Mapping[str, object] | None = None,
    auto: bool = True,
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
        auto=auto,
    )
    return net_from_model(program.model_proto, spec)


@torch.no_grad()
def paint(net: TransformNet, frame: Picture, vector: Tensor) -> Picture:
    """What the network itself makes of a frame, uint8 `(h, w, 3)` RGB, in float32."""
    image: Picture = _FileNet(net)(torch.from_numpy(frame)[None], vector[None])[0].numpy()
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


def check_parity(net: TransformNet, file: NetFile, vectors: Sequence[Tensor], photos: Sequence[Picture]) -> None:
    """Compare PyTorch with OpenVINO and ONNX Runtime in f32: every style, every photo (all of one size).

    Raises BackendError where they paint differently, MissingPackageError without one of the two.
    """
    height, width = photos[0].shape[:2]
    for backend in ("openvino", "onnxruntime"):
        engine = open_engine(file, (width, height), backend=backend, options=EngineOptions(precision="f32"))
        with engine:
            for number in range(max(len(vectors), len(photos))):
                photo, vector = photos[number % len(photos)], vectors[number % len(vectors)]
                engine.submit(photo, vector.numpy())
                difference = np.abs(engine.collect().astype(int) - paint(net, photo, vector)).max()
                if difference > _ALLOWED_DIFFERENCE:
                    raise BackendError(
                        f"net {file.spec.name} cannot be used: {backend} differs from PyTorch by {difference} of 255, "
                        f"at most {_ALLOWED_DIFFERENCE} is expected; please report this with your versions"
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
    auto: bool = True,
) -> NetFile:
    """Write `NAME.onnx` and `NAME/STYLE.safetensors`, after the parity check on `photos` (of one size).

    vectors: float32 `(styles, d)`, in the order of `credits_of`. auto: as in `NetSpec`. Raises BackendError, and writes
    nothing, where a runtime paints anything else than PyTorch.
    """
    rows = [vector.detach().float().cpu() for vector in vectors]
    file = net_from_network(net, name=name, training=training, auto=auto)
    file = with_int8_scales(file, photos, [row.numpy() for row in rows])
    check_parity(net, file, rows, photos)
    for vector, credit in zip(rows, credits_of, strict=True):
        write_style(folder / name / f"{credit.name}.safetensors", style_of(vector, credit, file))
    write_net(folder / f"{name}.onnx", file)
    return file


def style_of(vector: Tensor, credit: Credit, net: NetFile) -> Style:
    """A style of a net. vector: float32 `(style_length,)` on the CPU."""
    return Style(vector=vector.numpy(), net=net.spec.name, net_digest=net.digest, **asdict(credit))
