from __future__ import annotations

import re

from rtstyle.diagnostics import EXTRAS, wanting

from tests.rtstyle.command import ROOT


def test_every_extra_of_the_project_that_a_user_may_want_is_known() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = project.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    declared = set(re.findall(r"^([a-z-]+) = \[", section, re.MULTILINE))
    assert {extra.name for extra in EXTRAS} == declared - {"dev", "pycuda"}


def test_what_needs_a_gpu_is_only_advised_where_there_is_one() -> None:
    without, with_one = wanting(gpu=False), wanting(gpu=True)
    assert set(without) <= set(with_one)
    assert not any(extra.needs_gpu for extra in without)
    for extra in with_one:
        assert extra.command == f'pip install "rtstyle[{extra.name}]"'
