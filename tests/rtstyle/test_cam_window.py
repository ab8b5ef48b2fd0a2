"""A real window on a real X server, with real key presses, looked at through screenshots."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from engines.library import user_folder
from tests.engines.nets import add_net, identity_net
from tests.realtime.live.clips import write_clip
from tests.realtime.live.mjpeg import MjpegCamera
from tests.xvfb import SCREEN, x_server

_NEEDED = ("Xvfb", "xdotool", "xwd")
_MISSING = [tool for tool in _NEEDED if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(
    bool(_MISSING), reason=f"needs {', '.join(_MISSING)}: apt-get install xvfb xdotool x11-apps"
)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with x_server() as name:
        yield name


def _net(told: tuple[str, ...]) -> tuple[str, ...]:
    """Where something is painted, the net is named: the choice among several would be a line on stderr."""
    return () if "--sr" in told and "--style" not in told else ("--net", "fast")


class _Viewer:
    """`rtstyle cam` in its own process, and a hand at its keyboard."""

    def __init__(self, display: str, folder: Path, *told: str) -> None:
        self.folder = folder
        self._environment = os.environ | {"DISPLAY": display}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rtstyle", "cam", *_net(told), *told, "--folder", str(folder), "--json"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.window = ""
        self.wait_until(self._finds_window)
        self.wait_until(self._shows_a_picture)
        self.wait_until(self._has_focus)

    def press(self, *keys: str) -> None:
        for key in keys:
            self._do("key", key)
            time.sleep(0.15)

    def screen(self) -> np.ndarray:
        """int `(h, w, 3)` BGR: the whole screen, through xwd's uncompressed dump."""
        dump = subprocess.run(["xwd", "-root", "-silent"], env=self._environment, capture_output=True, check=True)
        header = np.frombuffer(dump.stdout[:100], ">u4")
        offset, depth, stride, colors = int(header[0]), int(header[11]) // 8, int(header[12]), int(header[19])
        rows = np.frombuffer(dump.stdout, np.uint8, offset=offset + 12 * colors).reshape(SCREEN[1], stride)
        return rows[:, : depth * SCREEN[0]].reshape(SCREEN[1], SCREEN[0], depth)[..., :3].astype(int)

    def size(self) -> tuple[int, int]:
        """(width, height) of the window."""
        lines = self._do("getwindowgeometry", "--shell", self.window).splitlines()
        facts = dict(line.split("=") for line in lines)
        return int(facts["WIDTH"]), int(facts["HEIGHT"])

    def close(self) -> None:
        """Ask the window to go, as the X in its frame does."""
        _ask_to_close(self._environment["DISPLAY"], int(self.window))

    def steady(self, gap_s: float = 0.6) -> np.ndarray:
        """The middle of the picture, when looks that far apart are alike: no style fades, no frame is on its way."""
        looks = [_middle(self.screen())]

        def alike() -> bool:
            time.sleep(gap_s)
            looks.append(_middle(self.screen()))
            return bool((looks[-1] == looks[-2]).all())

        self.wait_until(alike)
        return looks[-1]

    def recording(self, folder: Path) -> bool:
        """Whether pictures have come out of the encoder, which holds some back."""
        return any(path.stat().st_size for path in folder.glob(".*part.mp4"))

    def ended(self) -> tuple[int, dict[str, object], str]:
        """Exit code, summary, stderr."""
        stdout, stderr = self._process.communicate(timeout=30)
        return self._process.returncode, json.loads(stdout), stderr

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def wait_until(self, true: Callable[[], object], timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while not true():
            assert self._process.poll() is None, self._process.communicate()
            assert time.monotonic() < deadline, "never came true"
            time.sleep(0.1)

    def _finds_window(self) -> bool:
        found = self._do("search", "--onlyvisible", "--name", "^rtstyle$", check=False).split()
        self.window = found[0] if found else ""
        return bool(found)

    def _shows_a_picture(self) -> bool:
        return bool(self.screen().max() > 100)

    def _has_focus(self) -> bool:
        self._do("windowfocus", self.window)
        return self._do("getwindowfocus", check=False).strip() == self.window

    def _do(self, *told: str, check: bool = True) -> str:
        return subprocess.run(
            ["xdotool", *told], env=self._environment, capture_output=True, text=True, check=check
        ).stdout


@contextmanager
def _viewer(display: str, folder: Path, *told: str) -> Iterator[_Viewer]:
    viewer = _Viewer(display, folder, *told)
    try:
        yield viewer
    finally:
        viewer.end()


def _ask_to_close(display: str, window: int) -> None:
    """Send WM_DELETE_WINDOW, which no command line tool does without a window manager."""

    class Message(ctypes.Structure):
        _fields_ = (
            ("type", ctypes.c_int),
            ("serial", ctypes.c_ulong),
            ("sent", ctypes.c_int),
            ("display", ctypes.c_void_p),
            ("window", ctypes.c_ulong),
            ("message_type", ctypes.c_ulong),
            ("format", ctypes.c_int),
            ("data", ctypes.c_long * 5),
            ("rest", ctypes.c_long * 24),
        )

    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    x11.XInternAtom.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    x11.XSendEvent.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long, ctypes.c_void_p]
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    connection = x11.XOpenDisplay(display.encode())
    assert connection
    message = Message(type=33, window=window, format=32)  # ClientMessage
    message.message_type = x11.XInternAtom(connection, b"WM_PROTOCOLS", 0)
    message.data[0] = x11.XInternAtom(connection, b"WM_DELETE_WINDOW", 0)
    x11.XSendEvent(connection, window, 0, 0, ctypes.byref(message))
    x11.XCloseDisplay(connection)


@pytest.fixture
def still(tmp_path: Path) -> str:
    """A clip whose picture never changes: what differs on the screen comes from the keys."""
    path = tmp_path / "still.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 480, 360, "yuv420p"
        y, x = np.mgrid[0:360, 0:480]
        picture = np.stack([x // 2 % 256, y // 2 % 256, (x + y) // 4 % 256], axis=-1).astype(np.uint8)
        for _ in range(25):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return str(path)


def _still_bgr(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The colours of `still` at these pixels."""
    return np.stack([(x + y) // 4 % 256, y // 2 % 256, x // 2 % 256], axis=-1)


def _middle(screen: np.ndarray, left: int = 0) -> np.ndarray:
    """The middle of a 480x360 picture at the upper left of the screen, where no text stands."""
    return screen[100:260, left + 40 : left + 440]


def _differ(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.abs(one - other).mean() > 3)


def test_keys_change_the_picture_and_what_is_written_on_it(display: str, still: str, tmp_path: Path) -> None:
    with _viewer(display, tmp_path, "--source", still, "--loop", "--strength", "0.9") as viewer:
        viewer.wait_until(lambda: viewer.screen()[300:350, 10:150].max() > 200)  # the style's name is written
        began = _middle(viewer.screen())
        viewer.press("n")
        viewer.wait_until(lambda: _differ(_middle(viewer.screen()), began))
        styled = viewer.steady()
        viewer.press("0")
        viewer.wait_until(lambda: not _differ(_middle(viewer.screen()), began))
        viewer.press(*["minus"] * 9)  # strength 0: the frame as it came
        y, x = np.mgrid[100:260, 40:440]
        frame = _still_bgr(x, y)
        viewer.wait_until(lambda: np.abs(_middle(viewer.screen()) - frame).mean() < 4)
        viewer.press("m")
        viewer.wait_until(lambda: np.abs(_middle(viewer.screen()) - _still_bgr(479 - x, y)).mean() < 4)
        assert _differ(styled, frame)
        viewer.press("h")
        viewer.wait_until(lambda: _middle(viewer.screen()).max() > 230 and np.median(_middle(viewer.screen())) < 70)
        viewer.press("q")
        code, summary, stderr = viewer.ended()
    assert (code, stderr) == (0, "")
    assert summary["shown"]


def test_compare_puts_the_frame_beside_the_painted_picture(display: str, still: str, tmp_path: Path) -> None:
    with _viewer(display, tmp_path, "--source", still, "--loop") as viewer:
        alone = _middle(viewer.screen())
        viewer.press("c")
        viewer.wait_until(lambda: viewer.screen()[:, 500:900].max() > 100)
        viewer.wait_until(lambda: not _differ(_middle(viewer.screen(), left=480), alone))
        beside = viewer.screen()
        assert _differ(_middle(beside), alone)
        viewer.press("c")
        viewer.wait_until(lambda: viewer.screen()[100:260, 239:241].min() == 255)  # the line
        split = _middle(viewer.screen())
        assert not _differ(split[:, 210:], alone[:, 210:])
        assert not _differ(split[:, :190], _middle(beside)[:, :190])
        viewer.press("Escape")
        assert viewer.ended()[0] == 0


def test_snapshots_and_recordings_are_made_by_key_and_hold_no_text(display: str, still: str, tmp_path: Path) -> None:
    import cv2

    folder = tmp_path / "kept"
    folder.mkdir()
    with _viewer(display, folder, "--source", still, "--loop") as viewer:
        viewer.press("r")
        viewer.wait_until(lambda: viewer.recording(folder))
        viewer.press("r")
        viewer.wait_until(lambda: len(list(folder.glob("rtstyle-*.mp4"))) == 1)
        viewer.press("space", "s")
        viewer.wait_until(lambda: len(list(folder.glob("rtstyle-*.png"))) == 1)
        viewer.press("s")
        viewer.wait_until(lambda: len(list(folder.glob("rtstyle-*.png"))) == 2)
        shown = viewer.screen()[:360, :480]
        viewer.press("q")
        code, summary, stderr = viewer.ended()
    assert (code, stderr) == (0, "")
    first, second = sorted(folder.glob("rtstyle-*.png"))
    taken = cv2.imread(str(first)).astype(int)
    assert np.abs(taken[100:260] - shown[100:260]).max() == 0
    assert np.abs(taken - shown).max() > 100  # only the window has text on it
    (video,) = folder.glob("*.mp4")
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="bgr24").astype(int) for frame in container.decode(video=0)]
    assert len(frames) == summary["recorded_frames"] > 3
    assert np.abs(frames[-1] - taken).mean() < 6
    assert second.exists()


def test_pause_holds_the_picture_and_the_file(display: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "slow.mkv", list(range(0, 20000, 200)), size=(480, 360))
    with _viewer(display, tmp_path, "--source", str(clip), "--strength", "0.5") as viewer:
        viewer.press("space")
        held = viewer.steady()
        time.sleep(1.2)  # the time of six frames, in which nothing may change
        assert not np.abs(_middle(viewer.screen()) - held).max()
        viewer.press("space")
        viewer.wait_until(lambda: np.abs(_middle(viewer.screen()) - held).max() > 0)
        viewer.press("q")
        assert viewer.ended()[0] == 0


def test_closing_the_window_ends_the_run(display: str, still: str, tmp_path: Path) -> None:
    with _viewer(display, tmp_path, "--source", still, "--loop", "--record", str(tmp_path / "out.mp4")) as viewer:
        viewer.wait_until(lambda: viewer.recording(tmp_path))
        viewer.close()
        code, summary, stderr = viewer.ended()
    assert (code, stderr) == (0, "")
    assert not summary["interrupted"]
    assert summary["recorded"] == [str(tmp_path / "out.mp4")]


def test_a_camera_that_has_gone_is_announced_on_the_picture(display: str, tmp_path: Path) -> None:
    with MjpegCamera(size=(480, 360)) as camera, _viewer(display, tmp_path, "--source", camera.url) as viewer:

        def sign() -> bool:
            """White or amber text on a dark plate, in the upper middle."""
            band = viewer.screen()[38:56, 150:330]
            return bool(band.max() > 200 and np.median(band) < 70)

        assert not sign()
        camera.go_away()
        viewer.wait_until(sign)
        camera.come_back()
        viewer.wait_until(lambda: not sign())
        viewer.press("q")
        code, summary, stderr = viewer.ended()
    assert (code, summary["reconnects"]) == (0, 1)
    assert "is back after" in stderr


def test_an_enlarged_picture_fits_the_screen_and_keys_that_mix_change_nothing(
    display: str, still: str, tmp_path: Path
) -> None:
    add_net(user_folder(), identity_net(name="sr4-fidelity", scale=4))
    sr = ("--sr", "4", "--sr-mode", "fidelity")
    with _viewer(display, tmp_path, "--source", still, "--loop", *sr) as viewer:
        assert viewer.size() == (1440, 1080)  # of 1920x1440
        viewer.press("minus", "k", "c", "c", "c")
        viewer.wait_until(lambda: viewer.screen()[300:600, 100:900].max() > 100)
        viewer.press("q")
        code, summary, stderr = viewer.ended()
    assert (code, stderr) == (0, "")
    assert summary["size"] == [1920, 1440]
