"""A live run: what it can be told, how it is put together and taken apart again, and what it says of itself.

>>> options = CamOptions(source="0", styling=StyleOptions(style="wave"), headless=True, record=Path("out.mp4"))
>>> summary = run_camera(options, notify=print)
>>> summary.line()
'312 frames shown, 30.0 a second, 0 dropped, latency 41 ms (p95 47), recorded out.mp4'
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from engines.backends import AUTO
from engines.cache import cache_folder
from engines.contract import EngineOptions
from engines.errors import BadInputError, OutputError, SourceError
from engines.library import Library
from realtime.live.capture import Capture
from realtime.live.controls import Controls, Request, State, StyleList, style_list
from realtime.live.frame import EndOfSource, LiveFrame, Sink, Source
from realtime.live.outputs import Display, VirtualCamera
from realtime.live.process import FrameProcessor
from realtime.live.record import Recorder
from realtime.live.sources import PATTERN, open_source
from realtime.live.viewer import Status, Viewer
from realtime.live.window import Window
from realtime.live.x11 import require_display
from realtime.net_choice import DEFAULT_RATE, NetChoice, choose
from realtime.pipeline import Pipeline, ResolvedPipeline, joined, open_pipeline, resolve_all
from realtime.stats import now_ns
from realtime.tasks import TaskGroup
from realtime.user_options import StyleOptions, check_frame_size
from realtime.video.encoders import CODECS, check_size
from realtime.video.writer import check_recording

__all__ = ["CamOptions", "CamSummary", "Percentiles", "run_camera"]

_TITLE = "rtstyle"
Percentiles = dict[str, float] | None
"""p50, p95 and p99 in milliseconds, of the newest 4,096; None where nothing was timed."""


@dataclass(frozen=True, kw_only=True)
class CamOptions:
    """One run of the camera. None leaves the choice to the device or to the library."""

    source: str = "0"
    """A camera's index or path, an http(s) or rtsp(s) address, a video file, or `test-pattern`."""
    styling: StyleOptions = field(default_factory=StyleOptions)
    size: tuple[int, int] | None = None
    """(width, height) asked of the device; frames of any other size are fitted to it."""
    fps: float | None = None
    """Asked of the device; the test pattern keeps it, and comes as fast as it is painted without it."""
    loop: bool = False
    """Start a file again at its end."""
    stall_s: float = 5.0
    """How long a live source may bring nothing new before it is opened again."""
    backend: str = AUTO
    precision: str | None = None
    """One of engines.contract.PRECISIONS; None leaves it to the backend."""
    mirror: bool = False
    record: Path | None = None
    force: bool = False
    """`record` may replace a file."""
    folder: Path = Path()
    """Where snapshots and recordings made by key press go."""
    virtual_camera: bool = False
    headless: bool = False
    frames: int | None = None
    """End after so many shown frames."""
    seconds: float | None = None
    """End after so many seconds."""
    warm_up: int = 0
    """So many of the first shown frames stay out of the rate and the latency."""

    def __post_init__(self) -> None:
        if not self.source:
            raise BadInputError(f"a source is a camera, an address, a file or {PATTERN}: got an empty text")
        if self.size is not None:
            check_frame_size(self.size)
        if self.fps is not None and not 0.1 <= self.fps <= 1000:
            raise BadInputError(f"a rate is 0.1 to 1000 frames a second, got {self.fps}")
        if not self.stall_s >= 0.5:
            raise BadInputError(f"a source is given at least 0.5 s before it counts as stalled, got {self.stall_s}")
        if self.frames is not None and self.frames < 1:
            raise BadInputError(f"the number of frames is 1 or more, got {self.frames}")
        if not 0 <= self.warm_up < (self.frames or self.warm_up + 1):
            raise BadInputError(f"to warm up takes 0 frames or more, and fewer than are shown, got {self.warm_up}")
        if self.seconds is not None and not self.seconds > 0:
            raise BadInputError(f"the number of seconds is above 0, got {self.seconds}")
        if self.force and self.record is None:
            raise BadInputError("force lets a recording replace a file", hint="name the file with `record`")


@dataclass(frozen=True, kw_only=True)
class CamSummary:
    """Frames: `captured` is `shown` and `dropped` together; duplicates are in neither, reused ones are in `shown`.

    Frames that were on their way when the run ended are not counted.
    """

    source: str
    net: str
    choice: dict[str, object] | None
    """Why this net, where several have the style (realtime.net_choice.NetChoice); None where there was no choice."""
    style: str
    """The name of the style at the end."""
    size: tuple[int, int]
    """(width, height) of what was painted."""
    backend: str
    device: str
    precision: str
    in_flight: int
    """Frames that the engine may have at once."""
    handovers: list[dict[str, object]]
    """Engines that were built while the CPU painted (engines.fallback.HotSwap), each with its line; `backend` is that
    of the end."""
    seconds: float
    """From the first shown frame, or the last one that warmed up, to the last."""
    fps: float
    """Shown frames a second over that time."""
    captured: int
    shown: int
    dropped: int
    duplicates: int
    reused: int
    reconnects: int
    latency_ms: Percentiles
    """From capture, before decoding, to shown."""
    stages_ms: dict[str, Percentiles]
    """capture: decoding; wait: for the engine; infer: engine and mixing; show: from painted to shown."""
    recorded: list[str]
    """The newest files."""
    recorded_frames: int
    record_dropped: int
    interrupted: bool

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)

    def line(self) -> str:
        latency = self.latency_ms or {}
        parts = [f"{self.shown} frames shown", f"{self.fps:.1f} a second", f"{self.dropped} dropped"]
        if latency:
            parts.append(f"latency {latency['p50']:.0f} ms (p95 {latency['p95']:.0f})")
        if self.reconnects:
            parts.append(f"{self.reconnects} reconnects")
        if self.recorded:
            parts.append(f"recorded {', '.join(self.recorded)}")
        return ", ".join(parts)


def run_camera(
    options: CamOptions,
    *,
    notify: Callable[[str], None],
    stop: threading.Event | None = None,
    attach: Callable[[Controls], None] | None = None,
) -> CamSummary:
    """Paint a live source until it ends, `stop` is set, a limit is reached or the viewer has had enough.

    Runs in the caller's thread, which must be the main thread where there is a window. `notify` gets one line for each
    change of behaviour, from any thread. `attach` gets the controls before the first frame, for whatever is to change
    them beside the window or without one. Raises BadInputError, SourceError, OutputError, BackendError,
    MissingPackageError; what was recorded until then is left playable.
    """
    found = list(resolve_all(options.styling, notice=notify))
    if options.record is not None:
        check_recording(options.record, replace=options.force)
    if not options.folder.is_dir():
        raise BadInputError(f"{options.folder}: no such folder: make it first")
    with ExitStack() as stack:
        source = _open(options)
        stack.callback(source.close)
        if not options.headless:
            require_display()
        first = _first_frame(source)
        size = options.size or (first.picture.shape[1], first.picture.shape[0])
        engine = _engine_options(found[0], size, options)
        fps = options.fps or source.rate or DEFAULT_RATE
        chosen, choice = choose(found, size, fps=fps, backend=options.backend, options=engine, notice=notify)
        if choice is not None:
            notify(choice.line())
        styles = style_list(chosen, Library(), notify)
        pipeline = stack.enter_context(
            open_pipeline(chosen, size, backend=options.backend, options=engine, at_once=notify)
        )
        session = _Session(options, pipeline, styles, source, first, notify=notify, stop=stop or threading.Event())
        if attach is not None:
            attach(session.controls)
        return session.run(choice)


class _Session:
    """The parts of one run. Owned by the main thread."""

    def __init__(
        self,
        options: CamOptions,
        pipeline: Pipeline,
        styles: StyleList,
        source: Source,
        first: LiveFrame,
        *,
        notify: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self._options, self._pipeline, self._notify, self._stop = options, pipeline, notify, stop
        self._source, self._ends_ns = source, 0
        self._tasks = TaskGroup()
        self.controls = Controls(
            styles,
            State(
                style=styles.start,
                strength=options.styling.strength,
                keep_colors=options.styling.keep_colors,
                mirror=options.mirror,
            ),
        )
        self._capture = Capture(
            source,
            first,
            reopen=lambda: _open(options),
            loop=options.loop,
            stall_s=options.stall_s,
            held=lambda: self.controls.state.paused,
            stopping=self._tasks.stopping,
            notify=notify,
        )
        self._processor = FrameProcessor(
            pipeline,
            self._capture,
            self.controls,
            deliver=self._deliver,
            stopping=self._tasks.stopping,
            notify=notify,
        )
        self._sinks: list[Sink] = []
        """All but the display run in threads of their own."""

    def run(self, choice: NetChoice | None) -> CamSummary:
        options, size = self._options, self._pipeline.output_size
        if options.virtual_camera:
            camera = VirtualCamera(size, fps=options.fps)
            self._notify(f"sending to the virtual camera {camera.device}")
            self._sinks.append(camera)
        recorder = Recorder(size, folder=options.folder, tell=self._tell)
        self._sinks.append(recorder)
        if options.record is not None:
            recorder.start(options.record, replace=options.force, required=True)
        if options.headless:
            display = Display(turn=self._turn, folder=options.folder, warm_up=options.warm_up)
            self._run(display)
            return self._summary(display, choice)
        status = Status(
            self.controls,
            self._capture,
            recording_since_ns=lambda: recorder.began_ns,
            hot_swaps=lambda: self._pipeline.hot_swaps,
        )
        with Window(_TITLE, size) as window:
            display = Viewer(
                window,
                self.controls,
                status,
                turn=self._turn,
                folder=options.folder,
                warm_up=options.warm_up,
            )
            self._run(display, at_end=window.close)
        return self._summary(display, choice)

    def _run(self, display: Display, *, at_end: Callable[[], None] = lambda: None) -> None:
        self._display = display
        threaded = list(self._sinks)
        self._sinks.append(display)
        with self._tasks as tasks:
            for wake in (self._capture.frames.close, *(sink.close for sink in self._sinks)):
                tasks.on_stop(wake)
            for sink in threaded:
                tasks.start(sink.name, sink.work)
            tasks.start("capture", self._capture.work)
            tasks.start("process", self._process)
            seconds = self._options.seconds
            self._ends_ns = now_ns() + round(seconds * 1e9) if seconds is not None else 0
            display.work()
            at_end()  # before the threads have ended, for which they may need a moment

    def _process(self) -> None:
        try:
            self._processor.work()
        finally:
            self._display.close()

    def _deliver(self, frame: LiveFrame) -> None:
        for sink in self._sinks:
            sink.offer(frame)

    def _turn(self) -> bool:
        """Between two frames, in the main thread: do what the viewer has asked for. False ends the run."""
        options = self._options
        for request in self.controls.take_requests():
            if request is Request.QUIT:
                return False
            self._obey(request)
        if self._stop.is_set() or (self._ends_ns and now_ns() >= self._ends_ns):
            return False
        return options.frames is None or self._display.shown < options.frames

    def _obey(self, request: Request) -> None:
        for sink in self._sinks:
            try:
                said = sink.obey(request)
            except OutputError as error:
                self._tell(error)
                continue
            if said is not None:
                self.controls.say(said, now_ns())

    def _tell(self, error: OutputError) -> None:
        """On the screen and in the terminal; the run goes on."""
        text = error.full_text
        self.controls.say(text, now_ns())
        self._notify(text)

    def _summary(self, display: Display, choice: NetChoice | None) -> CamSummary:
        specs, capture, processor = self._pipeline.specs, self._capture, self._processor
        return CamSummary(
            source=self._source.name,
            net=" then ".join(spec.net.name for spec in specs),
            choice=None if choice is None else choice.as_dict(),
            style=self.controls.styles.names[self.controls.state.style],
            size=self._pipeline.output_size,
            backend=joined(specs, "backend"),
            device=joined(specs, "device"),
            precision=joined(specs, "precision"),
            in_flight=self._pipeline.depth,
            handovers=[asdict(swap) | {"line": swap.line} for swap in self._pipeline.hot_swaps],
            duplicates=capture.duplicates,
            reused=processor.reused,
            reconnects=capture.reconnects,
            stages_ms={
                "capture": capture.decoding.summary_ms(),
                "wait": processor.waiting.summary_ms(),
                "infer": processor.inferring.summary_ms(),
                "show": display.showing.summary_ms(),
            },
            interrupted=self._stop.is_set(),
            **{name: value for sink in self._sinks for name, value in sink.facts().items()},
        )


def _open(options: CamOptions) -> Source:
    return open_source(options.source, size=options.size, fps=options.fps, loop=options.loop, stall_s=options.stall_s)


def _first_frame(source: Source) -> LiveFrame:
    """Wait for it. Raises SourceError, also where there is none."""
    try:
        return source.read()
    except EndOfSource:
        raise SourceError(f"{source.name}: expected a video, found no frame in it") from None


def _engine_options(pipeline: ResolvedPipeline, size: tuple[int, int], options: CamOptions) -> EngineOptions:
    """For engines that take frames of `size` (width, height). Raises BadInputError for one that cannot be recorded.

    Two nets take one frame at a time, for nobody would start the second one while the loop waits to take the next
    frame (measured: four times the rate, a quarter of the latency).
    """
    if options.record is not None:
        check_size(CODECS["h264"], (size[0] * pipeline.scale, size[1] * pipeline.scale))
    depth = 2 if pipeline.upscaler is None else 1
    return EngineOptions(cache=cache_folder(), depth=depth, precision=options.precision)
