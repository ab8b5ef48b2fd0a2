"""ONNX operators (opset 18) as PyTorch calls. Sizes and indices are numpy arrays on the host, pictures are tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engines.errors import BackendError

__all__ = ["operators"]

Operator = Callable[..., Any]
_PAD_MODES = {b"constant": "constant", b"reflect": "reflect", b"edge": "replicate"}


def operators() -> dict[str, Operator]:
    """The function of every known operator. Imports torch."""
    import torch
    from torch.nn import functional

    return {**_plain(torch), **_shapes(torch), **_layers(functional), "Resize": _resize(functional)}


def _plain(torch: Any) -> dict[str, Operator]:
    types = {1: torch.float32, 2: torch.uint8, 6: torch.int32, 7: torch.int64, 9: torch.bool, 10: torch.float16}

    def cast(x: Any, *, to: int, saturate: int = 1) -> Any:  # noqa: ARG001 (for float8 only)
        return x.astype(_NUMPY_TYPES[to]) if isinstance(x, np.ndarray) else x.to(types[to])

    def divide(a: Any, b: Any) -> Any:
        return a // b if isinstance(a, np.ndarray) and a.dtype.kind == "i" else a / b

    def clip(x: Any, low: Any = None, high: Any = None) -> Any:
        return torch.clamp(x, low, high)

    def reduce_mean(x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
        if axes is None:
            return x if noop_with_empty_axes else x.mean(keepdim=bool(keepdims))
        return x.mean(dim=[int(axis) for axis in axes], keepdim=bool(keepdims))

    return {
        "Add": lambda a, b: a + b,
        "Cast": cast,
        "Clip": clip,
        "Div": divide,
        "Identity": lambda x: x,
        "LeakyRelu": lambda x, alpha=0.01: torch.where(x < 0, x * alpha, x),
        "Mul": lambda a, b: a * b,
        "PRelu": lambda x, slope: torch.where(x < 0, x * slope, x),
        "ReduceMean": reduce_mean,
        "Relu": torch.relu,
        "Round": torch.round,
        "Sigmoid": torch.sigmoid,
        "Sqrt": torch.sqrt,
        "Sub": lambda a, b: a - b,
        "Tanh": torch.tanh,
    }


_NUMPY_TYPES = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_}


def _shapes(torch: Any) -> dict[str, Operator]:
    def shape(x: Any, *, start: int = 0, end: int | None = None) -> Any:
        return np.array(tuple(x.shape)[start:end], np.int64)

    def concat(*parts: Any, axis: int) -> Any:
        return np.concatenate(parts, axis) if isinstance(parts[0], np.ndarray) else torch.cat(parts, axis)

    def reshape(x: Any, sizes: Any, *, allowzero: int = 0) -> Any:
        wanted = [int(n) if n or allowzero else x.shape[i] for i, n in enumerate(sizes)]
        return x.reshape(wanted)

    def unsqueeze(x: Any, axes: Any) -> Any:
        for axis in sorted(int(a) for a in axes):
            x = np.expand_dims(x, axis) if isinstance(x, np.ndarray) else x.unsqueeze(axis)
        return x

    def gather(x: Any, indices: Any, *, axis: int = 0) -> Any:
        if isinstance(x, np.ndarray):
            return np.take(x, indices, axis)
        if indices.ndim == 0:
            return x.select(axis, int(indices))
        return torch.cat([x.narrow(axis, int(i) % x.shape[axis], 1) for i in indices.reshape(-1)], axis)

    def cut(x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
        axes = range(len(starts)) if axes is None else axes
        steps = [1] * len(starts) if steps is None else steps
        index = [slice(None)] * x.ndim
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            index[int(axis)] = slice(int(start), int(end), int(step))
        return x[tuple(index)]

    return {
        "Concat": concat,
        "Gather": gather,
        "Reshape": reshape,
        "Shape": shape,
        "Slice": cut,
        "Transpose": lambda x, *, perm: x.permute(*perm),
        "Unsqueeze": unsqueeze,
    }


def _layers(functional: Any) -> dict[str, Operator]:
    def pad(x: Any, pads: Any, value: Any = None, *, mode: bytes = b"constant") -> Any:
        rank = len(pads) // 2
        pairs = [(int(pads[axis]), int(pads[rank + axis])) for axis in range(rank)]
        while len(pairs) > 2 and pairs[0] == (0, 0):
            pairs.pop(0)
        flat = [n for pair in reversed(pairs) for n in pair]
        if _PAD_MODES[mode] == "constant":
            return functional.pad(x, flat, value=0.0 if value is None else float(value))
        return functional.pad(x, flat, mode=_PAD_MODES[mode])

    def conv(x: Any, weight: Any, bias: Any = None, *, strides: Sequence[int] = (1, 1), **rest: Any) -> Any:
        pads = list(rest.get("pads", (0, 0, 0, 0)))
        if rest.get("auto_pad", b"NOTSET") != b"NOTSET":
            raise BackendError("the torch backend takes convolutions with explicit padding only")
        if any(pads):
            x = functional.pad(x, (pads[1], pads[3], pads[0], pads[2]))
        return functional.conv2d(
            x, weight, bias, list(strides), 0, list(rest.get("dilations", (1, 1))), rest.get("group", 1)
        )

    def depth_to_space(x: Any, *, blocksize: int, mode: bytes = b"DCR") -> Any:
        if mode == b"CRD":
            return functional.pixel_shuffle(x, blocksize)
        n, c, h, w = x.shape
        x = x.reshape(n, blocksize, blocksize, c // blocksize**2, h, w).permute(0, 3, 4, 1, 5, 2)
        return x.reshape(n, c // blocksize**2, h * blocksize, w * blocksize)

    def instance_norm(x: Any, scale: Any, shift: Any, *, epsilon: float = 1e-5) -> Any:
        return functional.instance_norm(x, weight=scale, bias=shift, eps=epsilon)

    def batch_norm(x: Any, scale: Any, shift: Any, mean: Any, variance: Any, *, epsilon: float = 1e-5, **_: Any) -> Any:
        return functional.batch_norm(x, mean, variance, scale, shift, eps=epsilon)

    return {
        "BatchNormalization": batch_norm,
        "Conv": conv,
        "DepthToSpace": depth_to_space,
        "InstanceNormalization": instance_norm,
        "Pad": pad,
    }


def _resize(functional: Any) -> Operator:
    def resize(x: Any, roi: Any = None, scales: Any = None, sizes: Any = None, **how: Any) -> Any:  # noqa: ARG001
        mode = how.get("mode", b"nearest")
        centre = how.get("coordinate_transformation_mode", b"half_pixel")
        if sizes is not None:
            target = [int(n) for n in sizes[-2:]]
        else:
            target = [int(x.shape[2 + i] * float(scales[2 + i])) for i in range(2)]
        if mode == b"nearest" and (centre == b"asymmetric" or _is_whole(x, target)):
            return functional.interpolate(x, size=target, mode="nearest")
        if mode == b"linear" and centre in (b"half_pixel", b"pytorch_half_pixel"):
            return functional.interpolate(x, size=target, mode="bilinear", align_corners=False)
        if mode == b"cubic" and how.get("cubic_coeff_a", -0.75) == -0.75 and centre == b"half_pixel":
            return functional.interpolate(x, size=target, mode="bicubic", align_corners=False)
        raise BackendError(f"the torch backend does not know Resize with {mode.decode()} and {centre.decode()}")

    return resize


def _is_whole(x: Any, target: list[int]) -> bool:
    return bool(target[0] % x.shape[2] == 0 and target[1] % x.shape[3] == 0)
