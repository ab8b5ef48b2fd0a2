from __future__ import annotations

from engines.nvidia.progress import PhaseTree


def test_phases_within_phases_make_one_fraction_that_never_falls_and_ends_at_one() -> None:
    told: list[tuple[float, str]] = []
    tree = PhaseTree(lambda fraction, phase: told.append((fraction, phase)))
    tree.start("all", None, 2)
    tree.start("half", "all", 4)
    for step in range(4):
        assert tree.step("half", step)
    tree.finish("half")
    tree.step("all", 0)
    tree.start("rest", "all", 1)
    tree.finish("rest")
    tree.finish("all")
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert 0.12 < fractions[2] < 0.13
    assert fractions[-1] == 1
    assert told[2][1] == "half"


def test_steps_of_unknown_phases_change_nothing() -> None:
    tree = PhaseTree(lambda *_: None)
    assert tree.step("never begun", 3)
    tree.finish("never begun")


def test_a_cancelled_build_is_told_to_stop_at_its_next_step() -> None:
    tree = PhaseTree(lambda *_: None)
    tree.start("all", None, 2)
    tree.cancelled.set()
    assert not tree.step("all", 0)
