"""Puts a run together: source, engine, threads, window; and takes it apart again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict

from engines.errors import BadInputError
from engines.library import Library
from realtime.live.capture import Capture
from realtime.live.controls import Palette, State
from realtime.live.h264 import check_target
from realtime.live.opening import engine_options, first_frame
from realtime.live.options import CamOptions
from realtime.live.paint import Painted, PaintLoop
from realtime.live.palettes import palette_for
from realtime.live.recorder import Recorder
from realtime.live.source import Grab, Source
from realtime.live.sources import open_source
from realtime.live.stage import Stage
from realtime.live.summary import CamSummary
from realtime.live.virtual_camera import VirtualCamera
from realtime.live.window import Window
from realtime.live.x11 import require_display
from realtime.net_choice import DEFAULT_RATE, NetChoice, choose
from realtime.pipeline import Pipeline, joined, open_pipeline, resolve_all
from realtime.queues import Closed, Mailbox
from realtime.stats import now_ns
from realtime.tasks import TaskGroup

__all__ = ["run_camera"]

_TITLE = "rtstyle"


def run_camera(
    options: CamOptions, *, notify: Callable[[str], None], stop: threading.Event | None = None
) -> CamSummary:
    """Paint a live source until it ends, `stop` is set, a limit is reached or the viewer has had enough.

    Runs in the caller's thread, which must be the main thread where there is a window. `notify` gets one line for each
    change of behaviour, from any thread. Raises BadInputError, SourceError, OutputError, BackendError,
    MissingPackageError; what was recorded until then is left playable.
    """
    found = list(resolve_all(options.styling, notice=notify))
    if options.record is not None:
        check_target(options.record, replace=options.force)
    if not options.folder.is_dir():
        raise BadInputError(f"{options.folder}: no such folder: make it first")
    source = open_source(options)
    with ExitStack() as stack:
        try:
            if not options.headless:
                require_display()
            first = first_frame(source)
            size = options.size or (first.picture.shape[1], first.picture.shape[0])
            engine = engine_options(found[0], size, options)
            fps = options.fps or source.rate or DEFAULT_RATE
            chosen, choice = choose(found, size, fps=fps, backend=options.backend, options=engine, notice=notify)
            if choice is not None:
                notify(choice.line())
            palette = palette_for(chosen, Library(), notify)
            painter = stack.enter_context(
                open_pipeline(chosen, size, backend=options.backend, options=engine, at_once=notify)
            )
        except BaseException:
            source.close()
            raise
        return _Session(
            options=options,
            painter=painter,
            palette=palette,
            choice=choice,
            source=source,
            first=first,
            notify=notify,
            stop=stop or threading.Event(),
        ).run()


class _Session:
    """The parts of one run. Owned by the main thread."""

    def __init__(
        self,
        *,
        options: CamOptions,
        painter: Pipeline,
        palette: Palette,
        choice: NetChoice | None,
        source: Source,
        first: Grab,
        notify: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self._options, self._painter, self._palette, self._notify, self._stop = options, painter, palette, notify, stop
        self._source, self._choice = source, choice
        self._crew = TaskGroup()
        self._capture = Capture(
            source,
            first,
            reopen=lambda: open_source(options),
            loop=options.loop,
            stall_s=options.stall_s,
            stopping=self._crew.stopping,
            notify=notify,
        )
        self._shown: Mailbox[Painted] = Mailbox()
        self._recorder = Recorder(painter.output_size)
        self._virtual: VirtualCamera | None = None

    def run(self) -> CamSummary:
        try:
            if self._options.virtual_camera:
                self._virtual = VirtualCamera(self._painter.output_size, fps=self._options.fps)
                self._notify(f"sending to the virtual camera {self._virtual.device}")
            if self._options.record is not None:
                self._recorder.start(self._options.record, replace=self._options.force)
        except BaseException:
            self._source.close()
            raise
        if self._options.headless:
            return self._run(None)
        with Window(_TITLE, self._painter.output_size) as window:
            return self._run(window)

    def _run(self, window: Window | None) -> CamSummary:
        options = self._options
        state = State(
            style=self._palette.start,
            strength=options.styling.strength,
            keep_colors=options.styling.keep_colors,
            mirror=options.mirror,
        )
        stage = Stage(
            state,
            self._palette,
            self._capture,
            self._recorder,
            window=window,
            folder=options.folder,
            notify=self._notify,
            warm_up=options.warm_up,
            handovers=lambda: self._painter.handovers,
        )
        painting = PaintLoop(
            self._painter,
            self._capture,
            settings=stage.settings,
            paused=stage.paused,
            deliver=self._deliver,
            stopping=self._crew.stopping,
            notify=self._notify,
        )
        with self._crew as crew:
            for wake in (self._capture.frames.close, self._shown.close, self._recorder.close):
                crew.on_stop(wake)
            if self._virtual is not None:
                crew.on_stop(self._virtual.close)
                crew.start("virtual-camera", self._virtual.work)
            crew.start("record", self._recorder.work)
            crew.start("capture", self._capture.work)
            crew.start("paint", lambda: self._paint(painting))
            self._loop(stage, wait_s=0.1 if window is None else 0.01)
            if window is not None:
                window.close()  # at once: threads may need a moment to end
        self._report_recorder(stage)
        return self._summary(stage, painting)

    def _paint(self, painting: PaintLoop) -> None:
        try:
            painting.work()
        finally:
            self._shown.close()

    def _deliver(self, painted: Painted) -> None:
        self._recorder.offer(painted)
        if self._virtual is not None:
            self._virtual.offer(painted)
        self._shown.put(painted)

    def _loop(self, stage: Stage, *, wait_s: float) -> None:
        """Show pictures until the end, whatever brings it."""
        options = self._options
        end_ns = now_ns() + round(options.seconds * 1e9) if options.seconds is not None else None
        while not self._stop.is_set() and not stage.quit:
            try:
                painted = self._shown.get(wait_s)
            except Closed:
                return
            stage.turn(painted)
            self._report_recorder(stage)
            if options.frames is not None and stage.shown >= options.frames:
                return
            if end_ns is not None and now_ns() >= end_ns:
                return

    def _report_recorder(self, stage: Stage) -> None:
        """A recording that was asked for on the command line is worth the run; one begun by a key is not."""
        error, self._recorder.error = self._recorder.error, None
        if error is None:
            return
        if self._options.record is not None and not self._recorder.paths:
            raise error
        stage.fail(error)

    def _summary(self, stage: Stage, painting: PaintLoop) -> CamSummary:
        specs, capture, recorder = self._painter.specs, self._capture, self._recorder
        return CamSummary(
            source=self._source.name,
            net=" then ".join(spec.net.name for spec in specs),
            choice=None if self._choice is None else self._choice.as_dict(),
            style=self._palette.names[stage.state.style],
            size=self._painter.output_size,
            backend=joined(specs, "backend"),
            device=joined(specs, "device"),
            precision=joined(specs, "precision"),
            in_flight=self._painter.depth,
            handovers=[asdict(handover) | {"line": handover.line} for handover in self._painter.handovers],
            seconds=round(stage.seconds, 3),
            fps=round(stage.fps, 2),
            captured=stage.captured,
            shown=stage.shown,
            dropped=stage.captured - stage.shown,
            duplicates=capture.duplicates,
            reused=painting.reused,
            reconnects=capture.reconnects,
            latency_ms=stage.latency.summary_ms(),
            stages_ms={
                "capture": capture.decoding.summary_ms(),
                "wait": painting.waiting.summary_ms(),
                "infer": painting.inferring.summary_ms(),
                "show": stage.showing.summary_ms(),
            },
            recorded=[str(path) for path in recorder.paths],
            recorded_frames=recorder.frames,
            record_dropped=recorder.dropped,
            interrupted=self._stop.is_set(),
        )
