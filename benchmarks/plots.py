"""Pictures of results (extra: bench). matplotlib is imported when something is drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.results import size_text
from benchmarks.tables import PARTS
from engines.errors import BadInputError, MissingPackageError, OutputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["check_plot", "plot_job", "plot_objectives", "plot_rates"]

_ENDINGS = (".png", ".svg", ".pdf")
_MARKERS = "osD^vPX*"
_REAL_TIME_FPS = 30
_PANELS_ACROSS = 5


def check_plot(path: Path | None) -> None:
    """Refuse before the measuring what could not be drawn. None: nothing is to be.

    Raises MissingPackageError, BadInputError, OutputError.
    """
    if path is None:
        return
    try:
        import matplotlib  # noqa: F401, PLC0415 (extra: bench)
    except ImportError as error:
        raise MissingPackageError("--plot", "matplotlib", extra="bench") from error
    if path.suffix.lower() not in _ENDINGS:
        raise BadInputError(f"{path}: expected a picture that ends in {', '.join(_ENDINGS)}")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}: make it first")


def plot_rates(rows: Sequence[Mapping[str, Any]], machine: Mapping[str, Any], path: Path) -> None:
    """Frames per second against pixels, one line for each net, backend and precision; bare engines dotted.

    Raises BadInputError where nothing was measured, OutputError.
    """
    lines = _lines(rows)
    if not lines:
        raise BadInputError("there is nothing to plot: no combination can run here")
    figure = _figure(9, 5.5)
    axes = figure.add_subplot(xscale="log", yscale="log")
    _set_limits(axes, [point for points in lines.values() for point in points])
    for number, (label, points) in enumerate(lines.items()):
        _draw_line(axes, number, label, points)
    axes.axhline(_REAL_TIME_FPS, color="0.3", linewidth=1, linestyle="--")
    axes.annotate(
        f"{_REAL_TIME_FPS} frames/s",
        (0, _REAL_TIME_FPS),
        xycoords=("axes fraction", "data"),
        xytext=(4, -11),
        textcoords="offset points",
        color="0.3",
        fontsize="small",
    )
    _label_axes(axes, sorted({(size[0] * size[1], size_text(size)) for size in (row["size"] for row in rows)}))
    axes.plot([], [], color="0.5", linestyle=":", label="bare engine")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    axes.set_title(_where(machine), fontsize="small", loc="left")
    _save(figure, path)


def plot_job(figures: Mapping[str, Any], machine: Mapping[str, Any], path: Path) -> None:
    """Where a job's time went: a stacked bar for each of its threads, in seconds. Raises OutputError."""
    figure = _figure(9, 2.8)
    axes = figure.add_subplot()
    job = figures["job"]
    used: dict[str, Any] = {}
    for place, (stage, parts) in enumerate(reversed(job["thread_seconds"].items())):
        left = 0.0
        for part, seconds in parts.items():
            used[PARTS[part].label] = axes.barh(place, seconds, left=left, color=PARTS[part].colour, height=0.7)
            left += seconds
        axes.text(-0.01, place, f"{stage} ", transform=axes.get_yaxis_transform(), ha="right", va="center")
    axes.set(xlim=(0, job["seconds"]), yticks=[], xlabel="seconds, all three side by side")
    axes.spines[["top", "right", "left"]].set_visible(False)
    names = [part.label for part in PARTS.values() if part.label in used]
    figure.legend([used[name] for name in names], names, loc="outside right upper", frameon=False)
    title = f"{figures['net']}, {job['frames']} frames of {size_text(figures['size'])}, {job['fps']:.1f} frames/s"
    axes.set_title(f"{title}; {_where(machine)}", fontsize="small", loc="left")
    _save(figure, path)


def plot_objectives(figures: Mapping[str, Any], path: Path) -> None:
    """Johnson et al. 2016, figure 5: L-BFGS's objective against its steps, a panel for each style, and the nets'.

    Raises BadInputError where nothing was compared with L-BFGS, OutputError.
    """
    rows = {name: row for name, row in figures["styles"].items() if row["lbfgs"]}
    if not rows:
        raise BadInputError("there is nothing to plot: expected --marks of L-BFGS, such as 50,100")
    across = min(_PANELS_ACROSS, len(rows))
    figure = _figure(2.1 * across, 0.7 + 2.0 * -(-len(rows) // across))
    panels = figure.subplots(-(-len(rows) // across), across, sharex=True, squeeze=False).ravel()
    for panel, (name, row) in zip(panels, rows.items(), strict=False):
        _draw_objectives(panel, row)
        panel.set_title(name, fontsize="small")
    for unused in panels[len(rows) :]:
        unused.remove()
    for panel in panels[max(0, len(rows) - across) : len(rows)]:  # nothing stands below them
        panel.tick_params(labelbottom=True)
    photos = "a photo" if figures["photos"] == 1 else f"mean of {figures['photos']} photos"
    figure.supxlabel("steps of L-BFGS", fontsize="small")
    figure.supylabel(f"objective / 1000, {photos} of {figures['size']}x{figures['size']}", fontsize="small")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    _save(figure, path)


def _draw_objectives(panel: Axes, row: Mapping[str, Any]) -> None:
    from matplotlib.ticker import LogLocator, ScalarFormatter  # noqa: PLC0415 (extra: bench)

    steps = [step for step in row["lbfgs"] if step != "0"]
    curve = [row["lbfgs"][step] / 1000 for step in steps]
    panel.plot([int(step) for step in steps], curve, color="0.2", marker="o", markersize=3, label="L-BFGS")
    nets = {label: value / 1000 for label, value in row["objective"].items() if label != "photo"}
    for number, (label, value) in enumerate(nets.items()):
        panel.axhline(value, color=f"C{number}", linestyle="--", linewidth=1.2, label=label)
    panel.set(xscale="log", yscale="log", ylim=(min(*curve, *nets.values()) / 1.2, max(*curve, *nets.values()) * 1.2))
    panel.set_xticks([int(step) for step in steps], steps)
    panel.minorticks_off()
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_major_formatter(ScalarFormatter())
    panel.tick_params(labelsize="xx-small")
    panel.grid(color="0.9")
    panel.spines[["top", "right"]].set_visible(False)


def _lines(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Rows that have figures, by what their line is called, the smallest size first."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["size"][0] * row["size"][1]):
        if "reason" not in row:
            found[f"{row['net']}, {row['engine']['backend']} {row['engine']['precision']}"].append(row)
    return found


def _set_limits(axes: Axes, points: Sequence[Mapping[str, Any]]) -> None:
    """Wide enough for all, and for 30 frames/s; first of all, for a logarithmic axis cannot fit itself to one point."""
    pixels = [point["size"][0] * point["size"][1] for point in points]
    rates = [point[what][end] for point in points for what in ("bare_fps", "cam_fps") for end in ("lowest", "highest")]
    axes.set_xlim(min(pixels) / 1.3, max(pixels) * 1.3)
    axes.set_ylim(min(*rates, _REAL_TIME_FPS) / 1.3, max(*rates, _REAL_TIME_FPS) * 1.3)


def _draw_line(axes: Axes, number: int, label: str, points: Sequence[Mapping[str, Any]]) -> None:
    pixels = [point["size"][0] * point["size"][1] for point in points]
    whole, bare = [point["cam_fps"] for point in points], [point["bare_fps"] for point in points]
    middle = [one["median"] for one in whole]
    spread = [[one["median"] - one["lowest"] for one in whole], [one["highest"] - one["median"] for one in whole]]
    color, marker = f"C{number % 10}", _MARKERS[number % len(_MARKERS)]
    axes.errorbar(pixels, middle, spread, color=color, marker=marker, markersize=5, capsize=3, label=label)
    axes.plot(
        pixels, [one["median"] for one in bare], color=color, linestyle=":", marker=marker, markersize=3, alpha=0.7
    )


def _label_axes(axes: Axes, sizes: Sequence[tuple[int, str]]) -> None:
    from matplotlib.ticker import NullLocator, ScalarFormatter  # noqa: PLC0415 (extra: bench)

    axes.set_xticks([pixels for pixels, _ in sizes], [name for _, name in sizes], rotation=30, ha="right")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(ScalarFormatter())
    axes.tick_params(axis="y", which="minor", labelsize="x-small", labelcolor="0.4")
    axes.set(xlabel="size of the frames", ylabel="frames/s of rtstyle cam, on the test pattern")
    axes.grid(which="major", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)


def _where(machine: Mapping[str, Any]) -> str:
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['date']}"


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415 (extra: bench)

    return Figure(figsize=(width, height), layout="constrained", dpi=120)


def _save(figure: Figure, path: Path) -> None:
    try:
        figure.savefig(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
