from __future__ import annotations

import pytest

from engines import errors


def test_every_error_is_an_rtstyle_error() -> None:
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.RtStyleError)


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[2Jb", "a\0b", "a\udcffb", "a\u2028b"])
def test_a_message_is_one_line_that_prints(text: str) -> None:
    said = str(errors.BadInputError(f"no style is called {text}"))
    assert said.isprintable()
    assert said.startswith("no style is called a\\")
    said.encode()


def test_a_message_keeps_its_words() -> None:
    assert str(errors.SourceError("Röt, “wave” 波")) == "Röt, “wave” 波"


def test_a_missing_package_says_how_to_install_it() -> None:
    error = errors.MissingPackageError("training", "torch", extra="train")
    assert str(error) == 'training needs the package torch: pip install "rtstyle[train]"'


def test_the_hint_is_apart_from_the_message_and_prints_as_well() -> None:
    error = errors.OutputError("out.mp4: exists already", hint="use `overwrite`\nto overwrite it")
    assert str(error) == "out.mp4: exists already"
    assert error.hint == "use `overwrite`\\nto overwrite it"
    assert errors.OutputError("out.mp4: exists already").hint == ""
