"""The figures in docs/benchmarks.md, and the few in README.md, written from results/:

    python -m benchmarks.report

writes anew what stands between a line `<!-- figures: NAME -->` and the next line `<!-- end -->`; a test fails where
that differs from the results. NAME is one of RENDERERS, which hold the words around the figures too.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.peers.launcher import NEARLY_IDLE
from benchmarks.results import RESULTS, latency_of, read_result, rows_of, size_text
from benchmarks.tables import compact_table, peers_tables, steps_text
from engines.errors import BadInputError, RtStyleError

__all__ = ["PAGES", "RENDERERS", "main", "rendered"]

_ROOT = Path(__file__).parent.parent
PAGES = (_ROOT / "docs" / "benchmarks.md", _ROOT / "README.md")
_BLOCK = re.compile(r"(?<=<!-- figures: )([a-z-]+)( -->\n)(.*?)(?=<!-- end -->\n)", re.DOTALL)
_BACKENDS = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "torch": "PyTorch", "tensorrt": "TensorRT"}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
_PUBLISHED = ("SRCNN", "FSRCNN")
_METRIC = "LPIPS"
_USERS, _REFERENCE = "int8", "f32"
"""Precisions: what the CPUs of most users compute in, and what it is measured against."""


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
    """Write the figures of benchmarks/results into the pages that show them."""
    try:
        texts = {page: page.read_text(encoding="utf-8") for page in PAGES}
        stale = {page: after for page, before in texts.items() if (after := rendered(before)) != before}
    except (OSError, RtStyleError) as error:
        typer.echo(f"benchmarks.report: {error}", err=True)
        raise typer.Exit(2) from error
    names = " and ".join(page.name for page in stale or PAGES)
    if not stale:
        typer.echo(f"{names} say what the results say")
    elif check:
        typer.echo(f"{names} and benchmarks/results differ: run python -m benchmarks.report", err=True)
        raise typer.Exit(1)
    else:
        for page, after in stale.items():
            page.write_text(after, encoding="utf-8")
        typer.echo(f"{names}: figures written anew")


def _summary(results: Path) -> str:
    """What a newcomer wants to know: fps-640x480.json, fps-sweep.json, video.json, video-sr4.json."""
    names = ("fps-640x480", "fps-sweep", "video", "video-sr4")
    cam, sweep, video, larger = (read_result(results / f"{name}.json") for name in names)
    _same_machine(dict(zip(names, (cam, sweep, video, larger), strict=True)))
    precision = cam["engine"]["precision"]
    light = next(
        row
        for row in rows_of(sweep, "fps-sweep.json")
        if (row.get("net"), row["size"], row.get("engine", {}).get("precision")) == ("micro", [1280, 720], precision)
    )
    return f"""\
{_cores(cam["machine"])}, no GPU, {_BACKENDS[cam["engine"]["backend"]]} in {precision}:

| | frames/s |
|---|---|
| `rtstyle cam`, {size_text(cam["size"])} | {cam["cam_fps"]["median"]:.0f} |
| `rtstyle cam --net micro`, {size_text(light["size"])} | {light["cam_fps"]["median"]:.0f} |
| `rtstyle video`, {size_text(video["size"])} with sound | {video["video_fps"]["median"]:.0f} |
| `rtstyle video --sr 4`, {size_text(larger["size"])} to {size_text(larger["last_run"]["size"])} \
| {larger["video_fps"]["median"]:.0f} |"""


def _speed(results: Path) -> str:
    """The default net at 640x480, clips, and memory: fps-640x480.json, video.json, video-sr4.json, memory.json."""
    names = ("fps-640x480", "video", "video-sr4", "memory")
    cam, video, larger, memory = (read_result(results / f"{name}.json") for name in names)
    _same_machine(dict(zip(names, (cam, video, larger, memory), strict=True)))
    latency, job = latency_of(cam), video["last_run"]
    stages, frames = job["stage_seconds"], job["frames"]
    read_ms, write_ms = (1e3 * stages[stage] / frames for stage in ("read", "write"))
    at, clip, small = (size_text(result["size"]) for result in (cam, video, larger))
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
{_number_word(cam["machine"]["cores"])} cores. Memory of `cam` after 1,000 frames:
{early:.0f} MB, after {memory["frames"]:,}: {late:.0f} MB."""


def _sweep(results: Path) -> str:
    """All combinations that fps-sweep.json has figures for."""
    sweep = read_result(results / "fps-sweep.json")
    heads = ("net", "size", "backend", "bare net, frames/s", "`rtstyle cam`, frames/s", "latency, ms (p95)")
    rows = []
    for row in rows_of(sweep, "fps-sweep.json"):
        if "reason" in row:
            continue
        engine, latency = row["engine"], latency_of(row)
        rows.append(
            (
                row["net"],
                size_text(row["size"]),
                f"{_BACKENDS.get(engine['backend'], engine['backend'])} {engine['precision']}",
                f"{row['bare_fps']['median']:.1f}",
                f"{row['cam_fps']['median']:.1f}",
                f"{latency['p50']:.0f} ({latency['p95']:.0f})",
            )
        )
    return f"{_cores(sweep['machine'])}:\n\n{compact_table(heads, rows)}"


def _peers(results: Path) -> str:
    """Beside what a user would pick instead: peers.json."""
    found = read_result(results / "peers.json")
    threads, busy = found["threads"], found.get("busy_cores") or 0
    noise = f"\nOther programs kept {busy} cores busy just before: on a quiet machine, the ratios may be others."
    return f"""\
{_cores(found["machine"])}, {_number_word(threads)} thread{"" if threads == 1 else "s"} for each program, medians of \
{found["rounds"]} rounds that took turns
(`benchmarks/results`; `rtstyle bench peers` repeats them on your machine). One call is a frame in memory
to a picture in memory; a clip is the program's own way with many, where it has one.\
{noise if busy > NEARLY_IDLE else ""}

{peers_tables(found)}"""


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
    return f"{_number_word(machine['cores']).capitalize()} cores of {article} {machine['cpu']}"


def _number_word(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _upscaling(results: Path) -> str:
    """PSNR and LPIPS for x2, x3 and x4: quality-sr2.json and so on, quality-sr4-as-video.json."""
    heads = ("", "bicubic", *_PUBLISHED, "`fidelity`", "`perceptual`", "LPIPS: bicubic", "`fidelity`", "`perceptual`")
    clean = {scale: read_result(results / f"quality-sr{scale}.json") for scale in (2, 3, 4)}
    rows = [row for scale, result in clean.items() for row in _upscaling_rows(result, scale)]
    rows += _upscaling_rows(read_result(results / "quality-sr4-as-video.json"), 4, ", degraded like video")
    lost = max(loss for result in clean.values() for loss in _lost_decibels(result))
    return (
        f"{compact_table(heads, rows)}\n\nOurs in {_USERS}, at most {lost:.2f} dB below what they have in {_REFERENCE}."
    )


def _upscaling_rows(result: dict[str, Any], scale: int, how: str = "") -> Iterator[list[str]]:
    scores = result["scores"]
    ours = ["bicubic", *(f"sr{scale}-{mode} {_USERS}" for mode in ("fidelity", "perceptual"))]
    for dataset in dict.fromkeys(score["dataset"] for score in scores):
        by_method = {score["method"]: score for score in scores if score["dataset"] == dataset}
        cells = [_decibels(by_method.get(name)) for name in (ours[0], *_PUBLISHED, *ours[1:])]
        cells += [f"{by_method[name]['distances'][_METRIC]:.3f}" for name in ours]
        yield [f"x{scale} {dataset}{how}", *cells]


def _decibels(score: Mapping[str, Any] | None) -> str:
    return "" if score is None else f"{score['psnr']:.2f}"


def _lost_decibels(result: dict[str, Any]) -> Iterator[float]:
    decibels = {(score["method"], score["dataset"]): score["psnr"] for score in result["scores"]}
    for (method, dataset), value in decibels.items():
        if method.endswith(f" {_USERS}"):
            yield decibels[method.replace(_USERS, _REFERENCE), dataset] - value


def _styles(results: Path) -> str:
    """The objective of each style beside L-BFGS on the same photos: quality-styles.json."""
    result = read_result(results / "quality-styles.json")
    rows = result["styles"]
    nets = [label for label in next(iter(rows.values()))["objective"] if label.endswith(f" {_USERS}")]
    steps = [step for step in next(iter(rows.values()))["lbfgs"] if step != "0"]
    heads = ["style", "the photo itself", *(f"`{label.split()[0]}`" for label in nets)]
    heads += [*(f"L-BFGS, {step} steps" for step in steps), f"{heads[2]} is as good as"]
    cells = []
    for name, row in rows.items():
        values = [row["objective"][label] for label in ("photo", *nets)] + [row["lbfgs"][step] for step in steps]
        alike = steps_text(row["lbfgs_steps_alike"][nets[0]], [int(step) for step in steps])
        cells.append([name, *(f"{value / 1000:.0f}" for value in values), alike])
    worst = max(
        row["objective"][label] / row["objective"][label.replace(_USERS, _REFERENCE)] - 1
        for row in rows.values()
        for label in nets
    )
    photos = "one photo" if result["photos"] == 1 else f"{result['photos']} photos"
    size = result["size"]
    lines = [
        compact_table(heads, cells),
        "",
        f"In thousands, the mean of {photos} of {size}x{size} that training never saw. The nets in {_USERS}:",
        f"at most {100 * worst:.1f} % above {_REFERENCE}.",
    ]
    if times := result["times"].get(nets[0]):
        ratios = ", ".join(f"{_rounded(one['ratio']):,.0f}" for one in times.values())
        sides = ", ".join(times)
        lines += ["", f"500 steps of L-BFGS take {ratios} times as long as {heads[2]} at {sides} pixels a side."]
    return "\n".join(lines)


def _rounded(value: float) -> float:
    """To two digits."""
    return float(f"{value:.2g}")


def _steps(results: Path) -> str:
    """The objective of nets, styles together, such as one after more and more steps of training: quality-nets.json."""
    result = read_result(results / "quality-nets.json")
    rows = list(result["styles"].values())
    heads = ("net", f"objective, mean of {result['photos']} photos and {len(rows)} styles", "style's part of it")
    means = [
        [f"`{label}`"]
        + [f"{statistics.fmean(row[what][label] for row in rows) / 1000:.0f}" for what in ("objective", "style")]
        for label in rows[0]["objective"]
        if label != "photo"
    ]
    return compact_table(heads, means)


def _stability(results: Path) -> str:
    """Warping errors of nets, styles together, over the frames' own: stability.json."""
    result = read_result(results / "stability.json")
    own = result["mean"]["input"]
    by_net: dict[str, list[float]] = {}
    for column, error in result["mean"].items():
        if column != "input":
            by_net.setdefault(column.rpartition(" ")[0], []).append(error)
    rows = []
    for net, errors in by_net.items():
        mean = math.sqrt(statistics.fmean(error**2 for error in errors))
        least, most = min(errors) / own, max(errors) / own
        rows.append((f"`{net}`", f"{mean:.4f}", f"{mean / own:.1f}", f"{least:.1f} to {most:.1f}"))
    return compact_table(("net", "warping error", "times that of the frames themselves", "from style to style"), rows)


RENDERERS: dict[str, Callable[[Path], str]] = {
    "peers": _peers,
    "speed": _speed,
    "stability": _stability,
    "steps": _steps,
    "styles": _styles,
    "summary": _summary,
    "sweep": _sweep,
    "upscaling": _upscaling,
}
"""What can stand between markers: the folder of the results in, Markdown without a last line break out."""


if __name__ == "__main__":
    typer.run(main)
