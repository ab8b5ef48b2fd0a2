from __future__ import annotations

import pytest

from benchmarks.gpu_check import CARDS, Cost, cost_of, roofline_ms
from engines.library import Library


def test_the_cost_of_a_net_grows_with_the_area() -> None:
    net = Library().net("fast")
    small, large = cost_of(net, (320, 240)), cost_of(net, (1280, 960))
    assert large.gigamacs == pytest.approx(16 * small.gigamacs, rel=0.05)
    assert 10 < large.megabytes / small.megabytes < 17
    assert small.gigamacs > 0.1


def test_the_floor_is_bytes_over_bandwidth_and_operations_over_speed() -> None:
    by_bytes, by_operations = roofline_ms(Cost(gigamacs=82.6, megabytes=1008), CARDS["RTX 4090"])
    assert by_bytes == pytest.approx(1)
    assert by_operations == pytest.approx(1)
