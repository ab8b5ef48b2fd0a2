"""The net file: one ONNX graph with uint8 pictures at both ends, and what is known of it in its metadata.

Inputs: `frame` uint8 `(1, h, w, 3)` RGB and, where the net has styles, `style` float32 `(1, style_length)`.
Output: `image` uint8 `(1, h * scale, w * scale, 3)` RGB. h and w are dynamic. Nothing in such a file is code:
only operators of the ONNX standard are accepted, and no data outside the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engines.atomic import write_whole
from engines.errors import NetFileError

if TYPE_CHECKING:
    import onnx

__all__ = ["FORMAT", "KINDS", "NetFile", "NetSpec", "net_from_model", "read_net", "write_net"]

FORMAT = "1"
"""The format version that this module writes, and the only one that it reads."""

KINDS = ("style", "upscale")
_PREFIX = "rtstyle."
_LARGEST = 512 * 2**20
_STANDARD_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True, kw_only=True)
class NetSpec:
    """What a caller needs to know of a net without opening its graph."""

    name: str
    kind: str
    """One of KINDS: `style` repaints, `upscale` enlarges."""
    scale: int = 1
    """Width and height of the output over those of the input."""
    size_multiple: int = 1
    """The graph takes widths and heights that are multiples of this; engines pad any other size."""
    style_length: int = 0
    """Numbers in a style vector; 0 for a net that takes none."""
    margin: int = 0
    """How far in input pixels an output pixel looks through the convolutions."""
    licence: str = ""
    training: Mapping[str, object] = field(default_factory=dict)
    """Facts of the training run, as JSON values."""

    def __post_init__(self) -> None:
        if not self.name or not self.name.isprintable():
            raise NetFileError(f"a net needs a name, got {self.name!r}")
        if self.kind not in KINDS:
            raise NetFileError(f"the kind of a net is one of {', '.join(KINDS)}, got {self.kind!r}")
        for name, lowest, highest in (
            ("scale", 1, 8),
            ("size_multiple", 1, 64),
            ("style_length", 0, 1_000_000),
            ("margin", 0, 4096),
        ):
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise NetFileError(f"{name} of a net is {lowest} to {highest}, got {value}")


@dataclass(frozen=True, kw_only=True)
class NetFile:
    """A net that was read and checked."""

    spec: NetSpec
    model: bytes = field(repr=False)
    """The ONNX file's content."""
    digest: str
    """SHA-256 of `model`, in hexadecimal: styles and compiled engines belong to exactly one digest."""
    path: Path | None = None


def read_net(path: Path | str) -> NetFile:
    """Read a net file and check all of it. Raises NetFileError with what is wrong with it."""
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise NetFileError(f"{path}: a net file has at most {_LARGEST >> 20} MB, this has {size >> 20} MB")
        content = path.read_bytes()
    except OSError as error:
        raise NetFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    return _net_from_bytes(content, path)


def net_from_model(model: onnx.ModelProto, spec: NetSpec) -> NetFile:
    """Put `spec` into the metadata of `model` and check the result as if it had been read from a file.

    What exporters leave behind about the machine (source lines, local paths) is taken out, so that equal weights
    give an equal digest. `model` is changed. Raises NetFileError.
    """
    _remove_traces(model)
    del model.metadata_props[:]
    for key, value in _metadata_from_spec(spec).items():
        model.metadata_props.add(key=key, value=value)
    return _net_from_bytes(model.SerializeToString(deterministic=True), None)


def write_net(path: Path | str, net: NetFile) -> None:
    """Write a net file; it appears whole or not at all. Raises OutputError."""
    write_whole(Path(path), net.model)


def _net_from_bytes(content: bytes, path: Path | None) -> NetFile:
    import onnx
    from google.protobuf.message import DecodeError

    label = str(path or "net")
    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError) as error:
        raise NetFileError(f"{label}: expected an ONNX file, but it cannot be parsed as one") from error
    if not model.graph.node:
        raise NetFileError(f"{label}: expected an ONNX file, found no graph in it")
    spec = _spec_from_metadata({p.key: p.value for p in model.metadata_props}, label)
    _check_standard(model, label)
    _check_ends(model, spec, label)
    _check_weights(model, label)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        reason = str(error).strip().splitlines()[0]
        raise NetFileError(f"{label}: not a valid ONNX graph: {reason}") from error
    return NetFile(spec=spec, model=content, digest=hashlib.sha256(content).hexdigest(), path=path)


def _metadata_from_spec(spec: NetSpec) -> dict[str, str]:
    return {
        _PREFIX + "format": FORMAT,
        _PREFIX + "name": spec.name,
        _PREFIX + "kind": spec.kind,
        _PREFIX + "scale": str(spec.scale),
        _PREFIX + "size_multiple": str(spec.size_multiple),
        _PREFIX + "style_length": str(spec.style_length),
        _PREFIX + "margin": str(spec.margin),
        _PREFIX + "licence": spec.licence,
        _PREFIX + "training": json.dumps(dict(spec.training), sort_keys=True),
    }


def _spec_from_metadata(metadata: Mapping[str, str], label: str) -> NetSpec:
    def value(key: str) -> str:
        try:
            return metadata[_PREFIX + key]
        except KeyError:
            raise NetFileError(f"{label}: the metadata has no {_PREFIX}{key}") from None

    if _PREFIX + "format" not in metadata:
        raise NetFileError(
            f"{label}: a plain ONNX file, not an rtstyle net; make one of it with: rtstyle styles import {label}"
        )
    version = value("format")
    if version != FORMAT:
        raise NetFileError(f"{label}: net format {FORMAT} is expected, this file has format {version!r}")
    try:
        training = json.loads(value("training"))
        if not isinstance(training, dict):
            raise ValueError("training facts are not a JSON object")
        return NetSpec(
            name=value("name"),
            kind=value("kind"),
            scale=int(value("scale")),
            size_multiple=int(value("size_multiple")),
            style_length=int(value("style_length")),
            margin=int(value("margin")),
            licence=value("licence"),
            training=training,
        )
    except (ValueError, NetFileError) as error:
        raise NetFileError(f"{label}: wrong metadata: {str(error).removeprefix(label + ': ')}") from error


def _check_standard(model: onnx.ModelProto, label: str) -> None:
    """Refuse operators and data that are not in the file and the ONNX standard: no plug-in is ever loaded."""
    import onnx

    for opset in model.opset_import:
        if opset.domain not in _STANDARD_DOMAINS:
            raise NetFileError(f"{label}: only standard ONNX operators are allowed, found {opset.domain!r}")
    if model.functions:
        raise NetFileError(f"{label}: ONNX functions are not allowed in a net file")
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise NetFileError(f"{label}: the weights must be inside the file, {tensor.name} is outside")
    for node in model.graph.node:
        if node.domain not in _STANDARD_DOMAINS:
            raise NetFileError(f"{label}: only standard ONNX operators are allowed, found {node.domain}.{node.op_type}")
        for attribute in node.attribute:
            if attribute.HasField("g") or attribute.graphs:
                raise NetFileError(f"{label}: {node.op_type} with a graph inside is not allowed in a net file")
            if attribute.HasField("t") and attribute.t.external_data:
                raise NetFileError(f"{label}: the weights must be inside the file, those of {node.name} are outside")


def _check_ends(model: onnx.ModelProto, spec: NetSpec, label: str) -> None:
    import onnx

    picture = (onnx.TensorProto.UINT8, (1, None, None, 3))
    inputs = {"frame": picture}
    if spec.style_length:
        inputs["style"] = (onnx.TensorProto.FLOAT, (1, spec.style_length))
    for what, values, expected in (
        ("inputs", model.graph.input, inputs),
        ("outputs", model.graph.output, {"image": picture}),
    ):
        found = {value.name: _type_of(value) for value in values}
        if found != expected:
            raise NetFileError(f"{label}: expected {what} {_spoken(expected)}, found {_spoken(found)}")


def _type_of(value: onnx.ValueInfoProto) -> tuple[int, tuple[int | None, ...]]:
    tensor = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
    return tensor.elem_type, shape


def _spoken(ends: Mapping[str, tuple[int, tuple[int | None, ...]]]) -> str:
    import onnx

    return ", ".join(
        f"{name} {onnx.TensorProto.DataType.Name(kind).lower()} ({', '.join(str(n or 'any') for n in shape)})"
        for name, (kind, shape) in sorted(ends.items())
    )


def _check_weights(model: onnx.ModelProto, label: str) -> None:
    import numpy as np
    from onnx import numpy_helper

    for tensor in model.graph.initializer:
        try:
            values = numpy_helper.to_array(tensor)
        except (ValueError, TypeError) as error:
            raise NetFileError(f"{label}: weights {tensor.name} are damaged: {error}") from error
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise NetFileError(f"{label}: weights {tensor.name} hold NaN or infinity")


def _remove_traces(model: onnx.ModelProto) -> None:
    model.doc_string = ""
    model.graph.doc_string = ""
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
