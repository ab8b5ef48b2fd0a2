from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from engines.errors import BadInputError  # noqa: E402
from tests.train.pictures import write_photos  # noqa: E402
from train.data import Crops, Samples, fingerprint, list_pictures, made_ahead, write_rgb  # noqa: E402


def _batches(folder: Path, first_step: int = 0, part: slice = slice(0, 4)) -> list[Samples]:
    """Up to step 12, of a batch of 4 in 3 styles."""
    crops = Crops(list_pictures(folder), size=32, styles=3, seed=5)
    return list(made_ahead(lambda step: crops.batch(step, 4, part), range(first_step, 12), threads=2))


def test_every_step_has_its_own_samples_wherever_a_run_begins(tmp_path: Path) -> None:
    write_photos(tmp_path / "c")
    whole, rest = _batches(tmp_path / "c"), _batches(tmp_path / "c", first_step=10)
    assert len(whole) == 12
    assert len(rest) == 2
    assert all(torch.equal(one.pictures, other.pictures) for one, other in zip(whole[10:], rest, strict=True))
    assert not torch.equal(whole[0].pictures, whole[1].pictures)


def test_processes_share_a_batch_without_overlap(tmp_path: Path) -> None:
    write_photos(tmp_path / "c")
    whole = _batches(tmp_path / "c")
    halves = [_batches(tmp_path / "c", part=part) for part in (slice(0, 2), slice(2, 4))]
    for number, batch in enumerate(whole):
        assert torch.equal(batch.pictures, torch.cat([half[number].pictures for half in halves]))
        assert torch.equal(batch.styles, torch.cat([half[number].styles for half in halves]))


def test_all_styles_and_all_photos_have_their_turn(tmp_path: Path) -> None:
    write_photos(tmp_path / "c")
    styles = torch.cat([batch.styles for batch in _batches(tmp_path / "c")])
    assert styles.bincount().tolist() == [16, 16, 16]
    (tmp_path / "grey").mkdir()
    for number in range(8):
        write_rgb(tmp_path / "grey" / f"{number}.png", np.full((40, 40, 3), number, np.uint8))
    crops = Crops(list_pictures(tmp_path / "grey"), size=32, styles=1, seed=0)
    orders = [[int(crops[8 * epoch + number].pictures[0, 0, 0, 0]) for number in range(8)] for epoch in range(3)]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert orders[0] != orders[1]


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_what_is_made_ahead_comes_in_order_and_stops_where_it_is_left(threads: int) -> None:
    made: list[int] = []

    def make(step: int) -> int:
        made.append(step)
        return step

    assert list(made_ahead(make, range(3, 40), threads=threads)) == list(range(3, 40))
    made.clear()
    some = made_ahead(make, range(1_000_000), threads=threads)
    assert [next(some), next(some)] == [0, 1]
    some.close()
    assert len(made) < 20


def test_broken_photos_are_skipped_and_counted(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "c")
    good = (folder / "photo-0.png").read_bytes()
    (folder / "broken-1.png").write_bytes(good[: len(good) // 2])
    (folder / "broken-2.jpg").write_bytes(b"no picture")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "notes.txt").write_text("no picture, and not called one")
    names = [path.name for path in list_pictures(folder)]
    broken = set().union(*(batch.broken for batch in _batches(folder)))
    assert sorted(names[index] for index in broken) == ["broken-1.png", "broken-2.jpg", "empty.jpg"]


def test_a_folder_of_broken_photos_only_is_an_error_and_no_endless_search(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    (tmp_path / "b.jpg").write_bytes(b"nor this")
    with pytest.raises(BadInputError, match="none of the content files can be read"):
        _batches(tmp_path)


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="has none"):
        list_pictures(tmp_path)


def test_the_fingerprint_tells_folders_apart(tmp_path: Path) -> None:
    one, other = write_photos(tmp_path / "a"), write_photos(tmp_path / "b")
    assert fingerprint(one, list_pictures(one)) == fingerprint(other, list_pictures(other))
    (other / "photo-7.png").rename(other / "photo-9.png")
    assert fingerprint(one, list_pictures(one)) != fingerprint(other, list_pictures(other))


def test_a_picture_is_not_written_under_a_name_that_says_no_format(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"ends in \.png"):
        write_rgb(tmp_path / "out.txt", torch.zeros(4, 4, 3, dtype=torch.uint8).numpy())
    assert not list(tmp_path.iterdir())
