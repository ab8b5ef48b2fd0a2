"""A network camera on loopback: MJPEG over HTTP, which can be cut off, come back, and freeze."""

from __future__ import annotations

import base64
import http.server
import threading
import time
from types import TracebackType

import cv2
import numpy as np

__all__ = ["MjpegCamera"]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    camera: MjpegCamera

    def handle_error(self, request: object, client_address: object) -> None:
        """A viewer that hangs up is no error."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        camera = self.server.camera
        if camera.login and self.headers.get("Authorization") != "Basic " + base64.b64encode(
            camera.login.encode()
        ).decode("ascii"):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        camera.visits += 1
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        while camera.on.is_set():
            if camera.moving.is_set():
                camera.number += 1
            jpeg = camera.jpeg()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode("ascii") + jpeg + b"\r\n")
            time.sleep(1 / camera.fps)
            camera.answering.wait()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's)
        """Quiet."""


class MjpegCamera:
    """Serves a moving picture at `url` while it is on."""

    def __init__(self, *, size: tuple[int, int] = (160, 120), fps: float = 30, login: str = "") -> None:
        self.size, self.fps, self.login = size, fps, login
        self.number = self.visits = 0
        self.on, self.moving, self.answering = threading.Event(), threading.Event(), threading.Event()
        self.moving.set()
        self.answering.set()
        self._port = 0
        self._server: _Server | None = None
        self.come_back()

    @property
    def url(self) -> str:
        return f"http://{self.login + '@' if self.login else ''}127.0.0.1:{self._port}/video.mjpg"

    def jpeg(self) -> bytes:
        width, height = self.size
        picture = np.full((height, width, 3), 60, np.uint8)
        left = self.number * 3 % width
        picture[:, left : left + 12] = (40, 200, 240)
        return bytes(cv2.imencode(".jpg", picture)[1].tobytes())

    def go_away(self) -> None:
        """Cut every connection, and refuse new ones."""
        self.on.clear()
        self.answering.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def come_back(self) -> None:
        self.on.set()
        self._server = _Server(("127.0.0.1", self._port), _Handler)
        self._server.camera = self
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self) -> MjpegCamera:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go_away()
