"""rtstyle bench: speed, quality and stability, measured on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from rtstyle.commands.options import BackendOption, JsonOption, several

# ruff: noqa: UP045 (typer reads these at run time, on Python 3.10 too)

__all__ = ["bench_app"]

bench_app = typer.Typer(
    name="bench",
    help="Measure speed, quality and stability on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SaveOption = Annotated[bool, typer.Option("--save", help="Write the figures to benchmarks/results as well.")]
PlotOption = Annotated[
    Optional[Path], typer.Option("--plot", help='Draw the figures to this .png, .svg or .pdf (extra "bench").')
]
PrecisionsOption = Annotated[
    Optional[list[str]],
    typer.Option("--precision", help="f32, bf16, f16 or int8; several with commas. Default: the backend's choice."),
]
OnlyOption = Annotated[
    Optional[list[str]], typer.Option("--style", help="A style; may be given again. Default: all of the nets.")
]


@bench_app.command("quality")
def quality(
    *,
    sr: Annotated[Optional[int], typer.Option("--sr", help="Measure upscalers, 2, 3 or 4 times, not styles.")] = None,
    data: Annotated[
        Optional[Path], typer.Option("--data", help="With --sr: folder with Set5, Set14, BSD100, Urban100.")
    ] = None,
    histogram: Annotated[
        bool, typer.Option("--match-histogram", help="With --sr: once more with matched histograms, as in the paper.")
    ] = False,
    as_video: Annotated[
        bool, typer.Option("--as-video", help="With --sr: blur, noise and compression on the small pictures.")
    ] = False,
    net: Annotated[
        Optional[list[str]], typer.Option("--net", help="A net or net file; may be given again. Default: fast.")
    ] = None,
    style: OnlyOption = None,
    styles: Annotated[Optional[Path], typer.Option("--styles", help="Folder of the paintings.")] = None,
    content: Annotated[
        Optional[Path], typer.Option("--content", help="Folder of photos: the last ones, which training holds out.")
    ] = None,
    credits_file: Annotated[Optional[Path], typer.Option("--credits", help="As in `rtstyle train bank`.")] = None,
    photos: Annotated[int, typer.Option("--photos", min=1, help="How many.")] = 20,
    size: Annotated[int, typer.Option("--size", min=32, help="Side of the photos, cut square, in pixels.")] = 256,
    marks: Annotated[str, typer.Option("--marks", help="Steps of L-BFGS to compare with; empty: nets alone.")] = (
        "50,100,200,500"
    ),
    sizes: Annotated[
        str, typer.Option("--time", help="Sizes to time nets and L-BFGS at, such as 256,512,1024; empty for none.")
    ] = "",
    painting_size: Annotated[int, typer.Option("--painting-size", help="As in `rtstyle train bank`.")] = 384,
    loss_network: Annotated[str, typer.Option("--loss-network", help="vgg19 or vgg16.")] = "vgg19",
    lbfgs_precision: Annotated[
        str, typer.Option("--lbfgs-precision", help="bf16 or f32 (twice as slow) for L-BFGS.")
    ] = "bf16",
    plot: PlotOption = None,
    kept: Annotated[
        Optional[Path],
        typer.Option("--kept", help="File where L-BFGS figures are kept, as they take hours. Default: in the cache."),
    ] = None,
    backend: BackendOption = "auto",
    precision: PrecisionsOption = None,
    save: SaveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure styles: the training objective on unseen photos, beside Gatys et al.'s optimisation on the same.

    With --sr, measure upscalers: PSNR and SSIM beside bicubic, Lanczos and published figures.

    Example: rtstyle bench quality --styles paintings --content photos --photos 5 --plot curves.png

    Example: rtstyle bench quality --sr 4 --data sets
    """
    from engines.errors import BadInputError

    if sr is not None:
        from rtstyle.commands.bench_quality import quality as upscalers

        if data is None:
            raise BadInputError("expected --data FOLDER with the sets to measure on, such as Set5 and Set14")
        paths = None if net is None else [Path(one) for one in net]
        upscalers(
            sr,
            data,
            paths,
            histogram=histogram,
            as_video=as_video,
            backend=backend,
            precisions=several(precision) or [None],
            save=save,
            as_json=as_json,
        )
        return
    if styles is None or content is None:
        raise BadInputError(
            "expected --styles FOLDER of paintings and --content FOLDER of photos, or --sr for upscalers"
        )
    from rtstyle.commands.bench_styles import measure_styles
    from rtstyle.commands.train_options import need_packages

    need_packages()
    from benchmarks.quality import BaselineConfig

    if plot is not None:
        from benchmarks.plots import check_plot

        check_plot(plot)
    config = BaselineConfig(
        size=size,
        painting_size=painting_size,
        loss_network=loss_network,
        precision=lbfgs_precision,
        marks=tuple(_numbers(marks)),
    )
    figures = measure_styles(
        net or ["fast"],
        only=style,
        styles=styles,
        content=content,
        credits_path=credits_file,
        photos=photos,
        sizes=_numbers(sizes),
        config=config,
        backend=backend,
        precisions=several(precision) or [None],
        kept=kept,
    )
    from benchmarks.quality import quality_table

    if plot is not None:
        from benchmarks.plots import plot_objectives

        plot_objectives(figures, plot)
        typer.echo(f"written: {plot}", err=True)
    _finish(
        "quality-styles" if config.marks else "quality-nets", figures, stability_table(figures), save=save, as_json=as_json
    )


@bench_app.command("stability")
def stability(
    *,
    net: Annotated[
        Optional[list[str]], typer.Option("--net", help="A net or net file; may be given again. Default: fast.")
    ] = None,
    style: OnlyOption = None,
    clips: Annotated[Optional[Path], typer.Option("--clips", help="A video file, or a folder of them.")] = None,
    content: Annotated[
        Optional[Path], typer.Option("--content", help="Folder of photos for a synthetic camera: the last ones.")
    ] = None,
    photos: Annotated[int, typer.Option("--photos", min=1, help="How many.")] = 5,
    frames: Annotated[int, typer.Option("--frames", min=2, help="So many of each clip.")] = 60,
    backend: BackendOption = "auto",
    precision: PrecisionsOption = None,
    save: SaveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure flicker: the warping error of painted clips along the motion of the clips, beside the clips' own.

    Example: rtstyle bench stability --clips videos --content photos --net fast --net runs/plain/export/fast.onnx
    """
    from benchmarks.nets import styled_nets
    from benchmarks.stability import find_clips, last_photos
    from benchmarks.stability import stability_table, scenes_of, stability_of, summary
    from engines.errors import BadInputError

    if clips is None and content is None:
        raise BadInputError("expected --clips with videos, or --content with photos, or both")
    measured = [one for name in net or ["fast"] for one in styled_nets(name, style, several(precision) or [None])]
    scenes = scenes_of(
        find_clips(clips) if clips else [], last_photos(content, photos) if content else [], frames=frames
    )

    def report(name: str, errors: dict[str, float]) -> None:
        typer.echo(f"{name}: " + ", ".join(f"{column} {value:.4f}" for column, value in errors.items()), err=True)

    errors = stability_of(measured, scenes, report, backend=backend)
    figures = {"frames": frames, "scenes": errors, "mean": summary(errors)}
    _finish("stability", figures, stability_table(errors), save=save, as_json=as_json)


def _finish(name: str, figures: dict[str, object], table: str, *, save: bool, as_json: bool) -> None:
    from benchmarks.results import machine_facts, write_result

    if save:
        typer.echo(f"wrote {write_result(name, figures)}", err=True)
    if as_json:
        typer.echo(json.dumps({"machine": machine_facts(), **figures}))
    else:
        typer.echo(table)


def _numbers(text: str) -> list[int]:
    from engines.errors import BadInputError

    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise BadInputError(f"expected numbers such as 50,100,200, got {text!r}") from None
