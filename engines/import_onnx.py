"""From a plain single-style ONNX graph, as people have them, to a net file that paints the same.

Such a graph takes one float picture `(1, 3, h, w)` and gives one back. Many use old opsets, and many were traced
for one size only although nothing in their layers depends on it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.atomic import read_whole
from engines.contract import SMALLEST_SIDE, Picture
from engines.errors import BackendError, NetFileError
from engines.net_file import NetFile, NetSpec, net_from_model
from engines.onnx_graph import (
    OPSET,
    check_standard,
    fixed_size,
    graph_ends,
    model_from_bytes,
    opset_of,
    receptive_margin,
    with_new_opset,
)
from engines.parity import Planes, ReferenceRunner, first_line, reference_engine

if TYPE_CHECKING:
    import onnx

__all__ = ["Imported", "RANGES", "check_import", "net_from_onnx", "net_from_plain", "probe_picture"]

RANGES = (255, 1)
"""White in the graph's own numbers: pictures in 0..255 or in 0..1."""
_ALLOWED_DIFFERENCE = 1
"""Of 255: rounding may fall either way where two runtimes differ in the last digit."""

_LARGEST = 512 * 2**20
_PROBE_SIZE = (160, 128)
_MULTIPLES = (1, 2, 4, 8, 16, 32, 64)
_RESIZES = ("Resize", "Upsample")
_CLEARLY = 0.1
"""How much better a likeness must be before a graph is taken to give another range than it takes."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """An imported net, and how near it is to the original."""

    net: NetFile
    white_in: int
    """One of RANGES: white in the picture that the original takes."""
    white_out: int
    """One of RANGES: white in the picture that the original gives."""
    difference: int
    """The largest difference between a picture of the original and of the net, of 255."""


def net_from_onnx(path: Path, *, name: str, white: int | None = None) -> Imported:
    """Make a net file of a plain ONNX file, and prove that both paint the same.

    white: one of RANGES for both ends; None finds it out. Raises NetFileError for a graph that cannot be used,
    BackendError where the net paints anything else than the original.
    """
    label = str(path)
    content = read_whole(path, largest=_LARGEST, error=NetFileError)
    original = _plain_model(content, label)
    width, height = fixed_size(original, label)
    size = (width or _PROBE_SIZE[0], height or _PROBE_SIZE[1])
    runs = ReferenceRunner(original, label)
    white_in, white_out = (white, white) if white else _find_range(runs, size, label)
    plain = _free_sizes(with_new_opset(original, label), size, label)
    facts = {"imported_from": path.name, "sha256": hashlib.sha256(content).hexdigest()}
    net = net_from_plain(plain, name=name, white_in=white_in, white_out=white_out, training=facts, label=label)

    def paint(frame: Picture) -> Picture:
        return _picture(runs(_planes(frame, white_in)), white_out)

    return Imported(net=net, white_in=white_in, white_out=white_out, difference=check_import(net, paint, size))


def net_from_plain(
    plain: onnx.ModelProto, *, name: str, white_in: int, white_out: int, training: Mapping[str, object], label: str
) -> NetFile:
    """Put uint8 pictures at both ends of a graph that takes and gives float `(1, 3, h, w)` of any size."""
    multiple = _size_multiple(plain, label)
    spec = NetSpec(
        name=name,
        kind="style",
        size_multiple=multiple,
        margin=receptive_margin(plain),
        training={**training, "white_in": white_in, "white_out": white_out},
    )
    return net_from_model(_with_pictures(plain, white_in, white_out, label), spec)


def check_import(net: NetFile, paint: Callable[[Picture], Picture], size: tuple[int, int]) -> int:
    """The largest difference from the original, of 255, on a picture of (width, height). Raises BackendError.

    paint: the original, uint8 `(h, w, 3)` RGB in and out.
    """
    frame = probe_picture(size)
    expected = paint(frame)
    with reference_engine(net, size) as engine:
        engine.submit(frame)
        difference = int(np.abs(engine.collect().astype(int) - expected).max())
    if difference > _ALLOWED_DIFFERENCE:
        raise BackendError(
            f"net {net.spec.name} is not written: it differs from the original by {difference} of 255 in "
            f"{engine.spec.backend}, at most {_ALLOWED_DIFFERENCE} is expected"
        )
    return difference


def probe_picture(size: tuple[int, int]) -> Picture:
    """A picture with what photos have, soft light, edges, colours and grain, uint8 `(h, w, 3)` RGB; always the same."""
    width, height = size
    chance = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    light = 128 + 70 * np.sin(3 * x + np.array([0, 1, 2])[:, None, None]) * np.cos(4 * y + 1)
    for _ in range(12):
        left, top = chance.uniform(0, 0.9, 2)
        wide, high = chance.uniform(0.05, 0.4, 2)
        inside = (x > left) & (x < left + wide) & (y > top) & (y < top + high)
        light = np.where(inside, 0.3 * light + 0.7 * chance.uniform(0, 255, (3, 1, 1)), light)
    light = light + chance.normal(0, 4, light.shape)
    return np.ascontiguousarray(np.clip(light, 0, 255).round().astype(np.uint8).transpose(1, 2, 0))


def _find_range(runs: Callable[[Planes], Planes], size: tuple[int, int], label: str) -> tuple[int, int]:
    """White in what a graph takes and in what it gives, each one of RANGES. Raises NetFileError where it is unclear.

    Instance norm makes most nets all but blind to the range of what they take, so what they give decides for both,
    unless the picture that comes of the other range is clearly more like the one that went in.
    """
    frame = probe_picture(size)
    found: dict[int, tuple[int, float]] = {}
    for white in RANGES:
        planes = runs(_planes(frame, white))
        if planes.shape != (1, 3, size[1], size[0]):
            came = "x".join(str(side) for side in planes.shape[:1:-1])
            raise NetFileError(f"{label}: the graph gives a picture of {came} for one of {size[0]}x{size[1]}")
        if not np.isfinite(planes).all():
            raise NetFileError(f"{label}: the graph gives NaN or infinity")
        spread = float(np.percentile(np.abs(planes), 98))
        white_out = 255 if spread > 4 else 1
        if (planes < -0.1 * white_out).mean() > 0.25:
            raise NetFileError(
                f"{label}: the graph gives many numbers below 0, neither 0..255 nor 0..1: say which with --range"
            )
        found[white] = (white_out, _likeness(frame, _picture(planes, white_out)))
    white_in = max(RANGES, key=lambda white: round(found[white][1] + _CLEARLY * (found[white][0] == white), 2))
    return white_in, found[white_in][0]


def _likeness(frame: Picture, painted: Picture) -> float:
    """How far a painting keeps where it is light and dark, -1 to 1, less the share of its pixels that are clipped."""
    one, other = (picture.astype(float).mean(2)[::4, ::4].ravel() for picture in (frame, painted))
    clipped = float(((painted == 0) | (painted == 255)).mean())
    if one.std() == 0 or other.std() == 0:
        return -1.0 - clipped
    return float(abs(np.corrcoef(one, other)[0, 1])) - clipped


def _planes(frame: Picture, white: int) -> Planes:
    planes: Planes = frame.astype(np.float32).transpose(2, 0, 1)[None]
    return planes if white == 255 else planes / np.float32(255)


def _picture(planes: Planes, white: int) -> Picture:
    scaled = planes if white == 255 else planes * np.float32(255)
    picture: Picture = np.clip(scaled, 0, 255).round().astype(np.uint8)[0].transpose(1, 2, 0)
    return picture


def _plain_model(content: bytes, label: str) -> onnx.ModelProto:
    """Parse a plain ONNX file and refuse what no net may hold. Raises NetFileError."""
    model = model_from_bytes(content, label)
    if any(prop.key == "rtstyle.format" for prop in model.metadata_props):
        raise NetFileError(f"{label}: a net file already: use it with --net {label}")
    check_standard(model, label)
    graph_ends(model, label)
    return model


def _free_sizes(model: onnx.ModelProto, size: tuple[int, int], label: str) -> onnx.ModelProto:
    """A copy that takes any height and width as far as its layers allow; `size` is a (width, height) that it takes.

    Every resize to a size that was traced in becomes a resize by a factor, measured at `size`.
    """
    import onnx
    from onnx import numpy_helper

    name, output = graph_ends(model, label)
    freed = onnx.ModelProto()
    freed.CopyFrom(model)
    factors = _resize_factors(model, size, label)
    for number, node in enumerate(freed.graph.node):
        if node.op_type in _RESIZES and node.output[0] in factors:
            scales = f"rtstyle_scales_{number}"
            freed.graph.initializer.append(numpy_helper.from_array(factors[node.output[0]], scales))
            picture = node.input[0]
            del node.input[:]
            node.input.extend([picture, "", scales])
    weights = {tensor.name for tensor in freed.graph.initializer}
    kept = [value for value in freed.graph.input if value.name not in weights]
    del freed.graph.input[:]
    freed.graph.input.extend(kept)
    del freed.graph.value_info[:]
    for value, sides in ((freed.graph.input[0], ("h", "w")), (freed.graph.output[0], ("out_h", "out_w"))):
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, onnx.TensorProto.FLOAT, [1, 3, *sides]))
    assert (freed.graph.input[0].name, freed.graph.output[0].name) == (name, output)
    return freed


def _resize_factors(model: onnx.ModelProto, size: tuple[int, int], label: str) -> dict[str, np.ndarray]:
    """By output name: float32 `(4,)` for every resize whose factor does not stand in the graph as such."""
    constant = {tensor.name for tensor in model.graph.initializer}
    constant |= {node.output[0] for node in model.graph.node if node.op_type == "Constant"}
    traced = [
        node
        for node in model.graph.node
        if node.op_type in _RESIZES and not (len(node.input) == 3 and node.input[2] in constant)
    ]
    if not traced:
        return {}
    wanted = [name for node in traced for name in (node.input[0], node.output[0])]
    width, height = size
    shapes = ReferenceRunner(model, label, extra_outputs=wanted).shapes(np.zeros((1, 3, height, width), np.float32))
    factors = {}
    for node in traced:
        before, after = shapes[node.input[0]], shapes[node.output[0]]
        factors[node.output[0]] = np.array([b / a for a, b in zip(before, after, strict=True)], np.float32)
    return factors


def _size_multiple(plain: onnx.ModelProto, label: str) -> int:
    """The smallest multiple at which the picture that comes out has the size of the one that went in."""
    net = ReferenceRunner(plain, label)
    reason = ""
    for multiple in _MULTIPLES:
        least = math.ceil(SMALLEST_SIDE / multiple)
        sizes = [(least, least), (least + 3, least + 2), (least | 1, (least + 4) | 1)]
        try:
            came = [net(np.zeros((1, 3, multiple * h, multiple * w), np.float32)).shape[2:] for w, h in sizes]
        except BackendError as error:
            reason = f"the graph cannot be run: {first_line(error.__cause__ or error)}"
            continue
        if came == [(multiple * h, multiple * w) for w, h in sizes]:
            return multiple
        reason = f"{sizes[0][0] * multiple}x{sizes[0][1] * multiple} gives {came[0][1]}x{came[0][0]}"
    raise NetFileError(
        f"{label}: the graph does not give pictures of the size that goes in, whatever the size: {reason}"
    )


def _with_pictures(plain: onnx.ModelProto, white_in: int, white_out: int, label: str) -> onnx.ModelProto:
    """uint8 `(1, h, w, 3)` to float planes, the graph, and back: Cast comes first, TensorRT takes uint8 only there."""
    from onnx import TensorProto, helper, numpy_helper

    graph = _renamed(plain)
    start, end = graph_ends(graph, label)
    node = helper.make_node
    front = [node("Cast", ["frame"], ["rt_numbers"], to=TensorProto.FLOAT)]
    front += [node("Transpose", ["rt_numbers"], ["rt_planes" if white_in == 1 else start], perm=[0, 3, 1, 2])]
    front += [node("Div", ["rt_planes", "rt_white"], [start])] if white_in == 1 else []
    back = [node("Mul", [end, "rt_white"], ["rt_scaled"])] if white_out == 1 else []
    back += [
        node("Clip", ["rt_scaled" if white_out == 1 else end, "rt_black", "rt_white"], ["rt_clamped"]),
        node("Round", ["rt_clamped"], ["rt_whole"]),
        node("Cast", ["rt_whole"], ["rt_bytes"], to=TensorProto.UINT8),
        node("Transpose", ["rt_bytes"], ["image"], perm=[0, 2, 3, 1]),
    ]
    weights = [numpy_helper.from_array(np.float32(v), n) for v, n in ((0, "rt_black"), (255, "rt_white"))]
    return helper.make_model(
        helper.make_graph(
            [*front, *graph.graph.node, *back],
            "net",
            [helper.make_tensor_value_info("frame", TensorProto.UINT8, [1, "h", "w", 3])],
            [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, "out_h", "out_w", 3])],
            initializer=[*graph.graph.initializer, *weights],
        ),
        opset_imports=[helper.make_opsetid("", opset_of(graph) or OPSET)],
        ir_version=max(8, graph.ir_version),
    )


def _renamed(plain: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose tensors have names of their own, so that those of the ends are free."""
    import onnx

    graph = onnx.ModelProto()
    graph.CopyFrom(plain)
    parts = [*graph.graph.input, *graph.graph.output, *graph.graph.initializer]
    for part in parts:
        part.name = f"plain.{part.name}"
    for node in graph.graph.node:
        for names in (node.input, node.output):
            renamed = [f"plain.{name}" if name else "" for name in names]  # an empty name is an input left out
            del names[:]
            names.extend(renamed)
    return graph
