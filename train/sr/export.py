"""From a run of an upscaler to a net file, with proof that it makes the same pictures."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engines.backends import open_engine
from engines.calibration import with_int8_scales
from engines.contract import EngineOptions, Picture
from engines.errors import BackendError, BadInputError
from engines.net_file import NetFile, NetSpec, net_from_model, write_net
from train.checkpoint import load_checkpoint
from train.export import OPSET, parity_photos
from train.photos import list_pictures
from train.sr.config import SrConfig
from train.sr.johnson import JohnsonUpscaleNet
from train.sr.networks import UpscaleNet, collapsed, sr_network

__all__ = ["export_sr", "net_from_upscaler"]

_ALLOWED_DIFFERENCE = 1
"""Of 255: rounding may fall either way where two runtimes differ in the last digit."""
_NOT_FOR_SHOW = ("pictures", "checks", "start", "log_every", "save_every")
_LARGEST_SIDE = 8192
_FLOAT_HEAD = (2, 3)
"""Scales whose pictures are so near the original that 8 bits in the head would cost them 0.08 dB, as measured on Set5;
with few sub-pixels their heads take little time."""


class _FileNet(nn.Module):
    """The graph of a net file: pictures as they are on both sides."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, frame: Tensor) -> Tensor:
        """uint8 `(1, h, w, 3)` to uint8 `(1, h * scale, w * scale, 3)`. The cast comes first, for TensorRT."""
        image: Tensor = self.net(frame.float().permute(0, 3, 1, 2) / 255)
        return (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def net_from_upscaler(
    net: UpscaleNet | JohnsonUpscaleNet, *, name: str, training: Mapping[str, object] | None = None
) -> NetFile:
    """Make a net file of an upscaler in float32, with its branches summed up. The same weights give the same file."""
    plain = collapsed(net) if isinstance(net, UpscaleNet) else net.to("cpu", torch.float32).eval()
    height, width = (torch.export.Dim(side, min=16, max=_LARGEST_SIDE) for side in ("h", "w"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own deprecations while it exports
        program = torch.onnx.export(
            _FileNet(plain).eval(),
            (torch.zeros(1, 64, 96, 3, dtype=torch.uint8),),
            dynamo=True,
            dynamic_shapes=({1: height, 2: width},),
            input_names=["frame"],
            output_names=["image"],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    spec = NetSpec(
        name=name, kind="upscale", scale=net.scale, margin=net.margin, licence="MIT", training=dict(training or {})
    )
    return net_from_model(program.model_proto, spec)


def export_sr(run_folder: Path, out: Path, *, name: str | None = None) -> NetFile:
    """Write `NAME.onnx` of a run as far as it is, after the parity check, into the folder `out`.

    name: None is `sr4-fidelity` and the like. Raises BadInputError for no run, BackendError, and writes nothing, where
    a runtime makes anything else than PyTorch does.
    """
    state = load_checkpoint(run_folder / "checkpoint.pt")
    if state is None:
        raise BadInputError(f"expected the folder of a run, {run_folder} has no checkpoint.pt: train it first")
    config = SrConfig.load(run_folder / "config.json")
    net = sr_network(config)
    net.load_state_dict(state["net"])
    facts = {key: value for key, value in asdict(config).items() if key not in _NOT_FOR_SHOW}
    name = name or f"{'johnson-' if config.net == 'johnson' else ''}sr{config.scale}-{config.mode}"
    file = net_from_upscaler(net, name=name, training=facts | {"steps": state["step"]})
    photos = parity_photos(list_pictures(Path(config.pictures)))
    file = with_int8_scales(file, photos, [None], float_head=net.scale in _FLOAT_HEAD)
    _check_parity(net.eval(), file, photos)
    write_net(out / f"{name}.onnx", file)
    return file


@torch.no_grad()
def _check_parity(net: nn.Module, file: NetFile, photos: Sequence[Picture]) -> None:
    """Compare the net as it was trained with OpenVINO and ONNX Runtime in f32. Raises BackendError."""
    height, width = photos[0].shape[:2]
    wanted = [_FileNet(net)(torch.from_numpy(photo)[None])[0].numpy().astype(int) for photo in photos]
    for backend in ("openvino", "onnxruntime"):
        with open_engine(file, (width, height), backend=backend, options=EngineOptions(precision="f32")) as engine:
            for photo, image in zip(photos, wanted, strict=True):
                engine.submit(photo)
                difference = np.abs(engine.collect() - image).max()
                if difference > _ALLOWED_DIFFERENCE:
                    raise BackendError(
                        f"net {file.spec.name} cannot be used: {backend} differs from PyTorch by {difference} of 255, "
                        f"at most {_ALLOWED_DIFFERENCE} is expected; please report this with your versions"
                    )
