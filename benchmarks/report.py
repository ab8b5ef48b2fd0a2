"""The README's figures, written from results/:

    python -m benchmarks.report

writes anew what stands between a line `<!-- figures: NAME -->` and the next line `<!-- end -->`; a test fails where
that differs from the results. The words around the figures are here as well. NAME is one of RENDERERS.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.peers.tables import peers_tables
from benchmarks.readme_quality import stability, steps, styles, upscaling
from benchmarks.results import RESULTS
from benchmarks.results_file import latency_of, read_result, rows_of
from benchmarks.tables import spoken_size
from engines.errors import BadInputError, RtStyleError

__all__ = ["README", "RENDERERS", "main", "rendered"]

README = Path(__file__).parent.parent / "README.md"
_BLOCK = re.compile(r"(?<=<!-- figures: )([a-z-]+)( -->\n)(.*?)(?=<!-- end -->\n)", re.DOTALL)
_BACKENDS = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "torch": "PyTorch", "tensorrt": "TensorRT"}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def rendered(text: str, results: Path = RESULTS) -> str:
    """`text` with the figures of `results` between its markers. Raises BadInputError."""
    blocks = _BLOCK.findall(text)
    begun = text.count("<!-- figures: ")
    if len(blocks) != begun or text.count("<!-- end -->") != begun or "<!-- figures: " in "".join(b[2] for b in blocks):
        raise BadInputError("expected lines <!-- figures: NAME --> and <!-- end --> in turns, each alone on its line")
    for name, *_ in blocks:
        if name not in RENDERERS:
            raise BadInputError(f"no figures are called {name!r}, there are: {', '.join(RENDERERS)}")
    return _BLOCK.sub(lambda found: f"{found[1]}{found[2]}{RENDERERS[found[1]](results)}\n", text)


def main(
    check: Annotated[bool, typer.Option("--check", help="Write nothing: exit code 1 where the two differ.")] = False,
) -> None:
    """Write the figures of benchmarks/results into README.md."""
    try:
        before = README.read_text(encoding="utf-8")
        after = rendered(before)
    except RtStyleError as error:
        typer.echo(f"benchmarks.report: {error}", err=True)
        raise typer.Exit(2) from error
    if before == after:
        typer.echo("README.md says what the results say")
    elif check:
        typer.echo("README.md and benchmarks/results differ: run python -m benchmarks.report", err=True)
        raise typer.Exit(1)
    else:
        README.write_text(after, encoding="utf-8")
        typer.echo("README.md: figures written anew")


def _speed(results: Path) -> str:
    """The default net at 640x480, clips, and memory: fps-640x480.json, video.json, video-sr4.json, memory.json."""
    names = ("fps-640x480", "video", "video-sr4", "memory")
    cam, video, larger, memory = (read_result(results / f"{name}.json") for name in names)
    _same_machine(dict(zip(names, (cam, video, larger, memory), strict=True)))
    latency, job = latency_of(cam), video["last_run"]
    stages, frames = job["stage_seconds"], job["frames"]
    read_ms, write_ms = (1e3 * stages[stage] / frames for stage in ("read", "write"))
    at, clip, small = (spoken_size(result["size"]) for result in (cam, video, larger))
    early, late = (memory[key] for key in ("mb_after_1000", f"mb_after_{memory['frames']}"))
    # results of version 0.1 do not name the preset: it was the command's usual one
    preset = video.get("preset", "veryfast")
    return f"""\
{_place(cam)}, medians of {cam["rounds"]} runs that took turns
(`benchmarks/results`; `rtstyle bench fps` and `rtstyle bench video FILE` repeat them on your machine):

| what | frames/s | of the bare net |
|---|---|---|
| the bare net, {at} | {cam["bare_fps"]["median"]:.1f} | |
| `rtstyle cam`, test pattern, {at} | {cam["cam_fps"]["median"]:.1f} | {cam["ratio"]:.2f} |
| the bare net, {clip} | {video["bare_fps"]["median"]:.1f} | |
| `rtstyle video`, {clip} with sound, x264 `{preset}` | {video["video_fps"]["median"]:.1f} | {video["ratio"]:.2f} |
| the bare net `{larger["net"]}`, {small} | {larger["bare_fps"]["median"]:.1f} | |
| `rtstyle video --sr 4`, {small}, x264 `{larger["preset"]}` | {larger["video_fps"]["median"]:.1f} \
| {larger["ratio"]:.2f} |

From capture to shown: {latency["p50"]:.0f} ms (p95 {latency["p95"]:.0f} ms) where a frame takes \
{cam["bare_frame_ms"]["p50"]:.0f} ms. In `video`, decoding takes {read_ms:.1f} ms a frame and
converting, encoding and writing {write_ms:.1f} ms: they overlap with the net, but all share the \
{_number(cam["machine"]["cores"])} cores. Memory of `cam` after 1,000 frames:
{early:.0f} MB, after {memory["frames"]:,}: {late:.0f} MB."""


def _sweep(results: Path) -> str:
    """All combinations that fps-sweep.json has figures for."""
    sweep = read_result(results / "fps-sweep.json")
    lines = [
        f"{_cores(sweep['machine'])}:",
        "",
        "| net | size | backend | bare net, frames/s | `rtstyle cam`, frames/s | latency, ms (p95) |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows_of(sweep, "fps-sweep.json"):
        if "reason" in row:
            continue
        engine, latency = row["engine"], latency_of(row)
        cells = (
            row["net"],
            spoken_size(row["size"]),
            f"{_BACKENDS.get(engine['backend'], engine['backend'])} {engine['precision']}",
            f"{row['bare_fps']['median']:.1f}",
            f"{row['cam_fps']['median']:.1f}",
            f"{latency['p50']:.0f} ({latency['p95']:.0f})",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _peers(results: Path) -> str:
    """Beside what a user would pick instead: peers.json."""
    found = read_result(results / "peers.json")
    threads = found["threads"]
    return f"""\
{_cores(found["machine"])}, {_number(threads)} thread{"" if threads == 1 else "s"} for each program, medians of \
{found["rounds"]} rounds that took turns
(`benchmarks/results`; `rtstyle bench peers` repeats them on your machine). One call is a frame in memory
to a picture in memory; a clip is the program's own way with many, where it has one.

{peers_tables(found)}"""


RENDERERS: dict[str, Callable[[Path], str]] = {
    "peers": _peers,
    "speed": _speed,
    "stability": stability,
    "steps": steps,
    "styles": styles,
    "sweep": _sweep,
    "upscaling": upscaling,
}
"""What can stand between markers: the folder of the results in, Markdown without a last line break out."""


def _same_machine(found: dict[str, dict[str, Any]]) -> None:
    """One sentence names the machine of all these figures."""
    machines = {name: {**result["machine"], "date": None} for name, result in found.items()}
    first, *others = machines
    for name in others:
        if machines[name] != machines[first]:
            raise BadInputError(f"{first}.json and {name}.json: expected one machine and one set of versions, got two")


def _place(result: dict[str, Any]) -> str:
    """`Two cores of an AMD EPYC with bf16 and no GPU, net `fast`, OpenVINO 2026.4.1`."""
    machine, engine = result["machine"], result["engine"]
    gpu = f" on {engine['device']}" if machine.get("gpus") else " and no GPU"
    backend = f"{_BACKENDS.get(engine['backend'], engine['backend'])} {machine['packages'].get(engine['backend'], '')}"
    return f"{_cores(machine)} with {engine['precision']}{gpu}, net `{result['net']}`, {backend.strip()}"


def _cores(machine: dict[str, Any]) -> str:
    article = "an" if machine["cpu"][0] in "AEIO" else "a"
    return f"{_number(machine['cores']).capitalize()} cores of {article} {machine['cpu']}"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


if __name__ == "__main__":
    typer.run(main)
