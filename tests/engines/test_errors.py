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
