"""Fixtures of the tests of engines."""

from __future__ import annotations

from typing import Any

import pytest

from engines.backends import open_engine, reports
from engines.contract import Engine, EngineOptions
from engines.net_file import NetFile
from tests.engines.contract import CANDIDATES, Open


@pytest.fixture(params=CANDIDATES)
def open_one(request: pytest.FixtureRequest) -> Open:
    """Opens an engine of the backend under test; skips, with the reason, where that cannot run."""
    backend, precision = request.param
    report = next(report for report in reports() if report.name == backend)
    if not report.usable:
        pytest.skip(report.text)

    def opened(net: NetFile, size: tuple[int, int], **options: Any) -> Engine:
        return open_engine(net, size, backend=backend, options=EngineOptions(precision=precision, **options))

    return opened
