from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from train.data import Batch, Crops, batches, fingerprint, list_pictures, write_rgb  # noqa: E402  # noqa: E402

from engines.errors import BadInputError  # noqa: E402
from tests.train.pictures import write_photos  # noqa: E402
from train.config import TrainConfig  # noqa: E402


def _batches(folder: Path, first_step: int = 0, part: slice = slice(0, 4), steps: int = 12) -> list[Batch]:
    config = TrainConfig(content=str(folder), size=32, batch=4, steps=steps, seed=5)
    found = batches(
        list_pictures(folder), styles=3, config=config, first_step=first_step, part=part, device=torch.device("cpu")
    )
    return list(found)


def test_every_step_has_its_own_samples_wherever_a_run_begins(tmp_path: Path) -> None:
    write_photos(tmp_path / "c")
    whole, rest = _batches(tmp_path / "c"), _batches(tmp_path / "c", first_step=10)
    assert len(whole) == 12
    assert len(rest) == 2
    assert all(torch.equal(one.photos, other.photos) for one, other in zip(whole[10:], rest, strict=True))
    assert not torch.equal(whole[0].photos, whole[1].photos)


def test_processes_share_a_batch_without_overlap(tmp_path: Path) -> None:
    write_photos(tmp_path / "c")
    whole = _batches(tmp_path / "c")
    halves = [_batches(tmp_path / "c", part=part) for part in (slice(0, 2), slice(2, 4))]
    for number, batch in enumerate(whole):
        assert torch.equal(batch.photos, torch.cat([half[number].photos for half in halves]))
        assert torch.equal(batch.styles, torch.cat([half[number].styles for half in halves]))


def test_all_styles_and_all_photos_have_their_turn(tmp_path: Path) -> None:
    write_photos(tmp_path / "c")
    styles = torch.cat([batch.styles for batch in _batches(tmp_path / "c")])
    assert styles.bincount().tolist() == [16, 16, 16]
    crops = Crops(list_pictures(tmp_path / "c"), size=32, styles=1, seed=0)
    orders = [crops._shuffled(epoch).tolist() for epoch in range(3)]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert orders[0] != orders[1]


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
