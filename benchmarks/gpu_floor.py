"""The least time that a net can take on a GPU: by the bytes it must move, and by the operations it must do.

    python -m benchmarks.gpu_floor

Bytes, in float16: every convolution reads its input and writes its output once, every norm reads its input once more
for the statistics, every residual sum reads its second term; all else is fused. Operations: those of the convolutions,
on tensor cores with float32 sums. Nothing here was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import typer

from engines.contract import padded_size
from engines.library import Library
from engines.net_file import NetFile
from engines.openvino_backend import openvino_module

__all__ = ["CARDS", "Card", "Cost", "cost_of", "floor_ms", "main"]

SIZES = {"style": ((640, 480), (1280, 720), (1920, 1080)), "upscale": ((480, 270), (640, 360))}
"""(width, height) of the frames, by the kind of the net."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """The vendor's figures."""

    gigabytes_per_s: float
    teraflops: float
    """Dense float16 with float32 sums."""


CARDS = {
    # NVIDIA Ada GPU Architecture, appendix A: 384 bits at 21 Gbps; "Peak FP16 Tensor TFLOPS with FP32 Accumulate"
    "RTX 4090": Card(gigabytes_per_s=1008, teraflops=165.2),
    # GeForce RTX 3060 12 GB: 192 bits at 15 Gbps. No such figure is published: 28 SMs at 1.777 GHz with the 512
    # operations a clock of each that the GA102 whitepaper's 71 TFLOPS of the RTX 3090 (82 SMs, 1.695 GHz) come to
    "RTX 3060": Card(gigabytes_per_s=360, teraflops=25.5),
    # NVIDIA H200 data sheet, SXM: 4.8 TB/s; 1979 TFLOPS of FP16 with sparsity, half of it without
    "H200": Card(gigabytes_per_s=4800, teraflops=989),
}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one frame takes."""

    gigamacs: float
    megabytes: float


def cost_of(net: NetFile, size: tuple[int, int]) -> Cost:
    """The cost of one frame of `size` (width, height). OpenVINO works out the shapes."""
    width, height = padded_size(size, net.spec.size_multiple)
    model = openvino_module().Core().read_model(net.model)
    model.reshape({"frame": [1, height, width, 3]})
    macs = elements = 0
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind in ("Convolution", "GroupConvolution"):
            into, weights, out = (math.prod(part.get_shape()) for part in (*node.inputs(), node.output(0)))
            macs += out * weights // node.output(0).get_shape()[1]
            elements += into + weights + out
        elif kind == "MVN":
            elements += math.prod(node.input(0).get_shape())
        elif kind == "Add" and node.input(0).get_shape() == node.input(1).get_shape():
            elements += math.prod(node.input(1).get_shape())
    return Cost(gigamacs=macs / 1e9, megabytes=2 * elements / 1e6)


def floor_ms(cost: Cost, card: Card) -> tuple[float, float]:
    """(by bytes, by operations), in milliseconds: the larger one is the floor."""
    return cost.megabytes / card.gigabytes_per_s, 2 * cost.gigamacs / card.teraflops


def main() -> None:
    """Print a table for every net."""
    library = Library()
    typer.echo("net, size: GMAC, MB a frame; floor in ms by bytes / by operations (computed, not measured)")
    for name in library.nets():
        for size in SIZES[library.net(name).spec.kind]:
            cost = cost_of(library.net(name), size)
            floors = [f"{card} {b:.2f} / {o:.2f}" for card, (b, o) in ((c, floor_ms(cost, CARDS[c])) for c in CARDS)]
            label = f"{name} {size[0]}x{size[1]}"
            typer.echo(f"{label}: {cost.gigamacs:.1f}, {cost.megabytes:.0f}; {'; '.join(floors)}")


if __name__ == "__main__":
    typer.run(main)
