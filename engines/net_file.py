"""The net file: one ONNX graph with uint8 pictures at both ends, and what is known of it in its metadata.

Inputs: `frame` uint8 `(1, h, w, 3)` RGB and, where the net has styles, `style` float32 `(1, style_length)`.
Output: `image` uint8 `(1, h * scale, w * scale, 3)` RGB. h and w are dynamic. Nothing in such a file is code:
only operators of the ONNX standard are accepted, and no data outside the file.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engines.atomic import read_whole, write_whole
from engines.errors import NetFileError
from engines.onnx_graph import check_ends, check_standard, check_weights, model_from_bytes, remove_traces

if TYPE_CHECKING:
    import onnx

__all__ = ["NetFile", "NetSpec", "net_from_model", "read_net", "write_net"]

_FORMAT = "1"
"""The format version that this module writes, and the only one that it reads."""

_KINDS = ("style", "upscale")
_NAME = re.compile(r"[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*")
"""No folder, no comma, no colon: a name stands in file names and after --style."""
_INTEGERS = {"scale": (1, 8), "size_multiple": (1, 64), "style_length": (0, 1_000_000), "margin": (0, 4096)}
"""The least and the largest value of each."""
_PREFIX = "rtstyle."
_INT8 = _PREFIX + "int8_scales"
_AUTO = _PREFIX + "auto"
"""Optional, both."""
_LARGEST = 512 * 2**20


@dataclass(frozen=True, kw_only=True)
class NetSpec:
    """What a caller needs to know of a net without opening its graph."""

    name: str
    kind: str
    """`style` repaints, `upscale` enlarges."""
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
    int8_scales: Mapping[str, float] = field(default_factory=dict)
    """By tensor: the step between 8-bit numbers, see `engines.int8`; empty for a net that is not made for them."""
    auto: bool = True
    """Whether `--net auto` may take it: False for a net that paints no better than a quicker one."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise NetFileError(f"a net's name is made of letters, digits, dots and hyphens, got {self.name!r}")
        if self.kind not in _KINDS:
            raise NetFileError(f"the kind of a net is one of {', '.join(_KINDS)}, got {self.kind!r}")
        for name, (lowest, highest) in _INTEGERS.items():
            value = getattr(self, name)
            if not lowest <= value <= highest:
                raise NetFileError(f"{name} of a net is {lowest} to {highest}, got {value}")
        for name, step in self.int8_scales.items():
            if not 0 < step < math.inf:
                raise NetFileError(f"the scale of {name!r} for 8 bits is above 0, got {step}")


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
    return _net_from_bytes(read_whole(path, largest=_LARGEST, error=NetFileError), path)


def net_from_model(model: onnx.ModelProto, spec: NetSpec) -> NetFile:
    """Put `spec` into the metadata of `model` and check the result as if it had been read from a file.

    What exporters leave behind about the machine (source lines, local paths) is taken out, so that equal weights
    give an equal digest. `model` is changed. Raises NetFileError.
    """
    remove_traces(model)
    del model.metadata_props[:]
    for key, value in _metadata_from_spec(spec).items():
        model.metadata_props.add(key=key, value=value)
    return _net_from_bytes(model.SerializeToString(deterministic=True), None)


def write_net(path: Path | str, net: NetFile) -> None:
    """Write a net file; it appears whole or not at all. Raises OutputError."""
    write_whole(Path(path), net.model)


def _net_from_bytes(content: bytes, path: Path | None) -> NetFile:
    import onnx

    label = str(path or "net")
    model = model_from_bytes(content, label)
    spec = _spec_from_metadata({p.key: p.value for p in model.metadata_props}, label)
    check_standard(model, label)
    check_ends(model, spec.style_length, label)
    check_weights(model, label)
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:  # ValueError: text that is not UTF-8
        reason = str(error).strip().splitlines()[0]
        raise NetFileError(f"{label}: not a valid ONNX graph: {reason}") from error
    return NetFile(spec=spec, model=content, digest=hashlib.sha256(content).hexdigest(), path=path)


def _metadata_from_spec(spec: NetSpec) -> dict[str, str]:
    return {
        _PREFIX + "format": _FORMAT,
        _PREFIX + "name": spec.name,
        _PREFIX + "kind": spec.kind,
        **{_PREFIX + name: str(getattr(spec, name)) for name in _INTEGERS},
        _PREFIX + "licence": spec.licence,
        _PREFIX + "training": json.dumps(dict(spec.training), sort_keys=True),
        **({_INT8: json.dumps(dict(spec.int8_scales), sort_keys=True)} if spec.int8_scales else {}),
        **({} if spec.auto else {_AUTO: "no"}),
    }


def _spec_from_metadata(metadata: Mapping[str, str], label: str) -> NetSpec:
    def value(key: str) -> str:
        try:
            return metadata[_PREFIX + key]
        except KeyError:
            raise NetFileError(f"the metadata has no {_PREFIX}{key}") from None

    if _PREFIX + "format" not in metadata:
        raise NetFileError(
            f"{label}: a plain ONNX file, not an rtstyle net; make one of it with: rtstyle styles import {label}"
        )
    version = value("format")
    if version != _FORMAT:
        raise NetFileError(f"{label}: net format {_FORMAT} is expected, this file has format {version!r}")
    try:
        training, scales = json.loads(value("training")), json.loads(metadata.get(_INT8, "{}"))
        for what, found in (("training facts", training), ("scales for 8 bits", scales)):
            if not isinstance(found, dict):
                raise ValueError(f"{what} are not a JSON object")
        auto = metadata.get(_AUTO, "yes")
        if auto not in ("yes", "no"):
            raise ValueError(f"{_AUTO} is yes or no, got {auto!r}")
        return NetSpec(
            name=value("name"),
            kind=value("kind"),
            licence=value("licence"),
            training=training,
            int8_scales={name: float(step) for name, step in scales.items()},
            auto=auto == "yes",
            **{name: int(value(name)) for name in _INTEGERS},
        )
    except (ValueError, TypeError, NetFileError) as error:
        raise NetFileError(f"{label}: wrong metadata: {error}") from error
