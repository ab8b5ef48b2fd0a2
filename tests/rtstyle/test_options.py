from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from engines.errors import BadInputError, OutputError
from realtime.user_options import StyleOptions
from rtstyle.commands.options import error_text, notify, takes_style_options


def test_the_command_line_shows_message_and_hint_with_options_as_flags() -> None:
    assert error_text(OutputError("x.mp4: exists already", hint="use `overwrite` here")) == (
        "x.mp4: exists already: use --force here"
    )
    assert error_text(BadInputError("`keep_colors` is for painting")) == "--keep-colors is for painting"
    assert error_text(BadInputError("try `rtstyle doctor`")) == "try `rtstyle doctor`"


def test_a_command_has_an_option_for_every_field_and_gets_them_whole() -> None:
    got: list[tuple[StyleOptions, bool]] = []

    @takes_style_options
    def command(*, before: int = 1, styling: StyleOptions, mirror: bool = False) -> None:  # noqa: ARG001
        got.append((styling, mirror))

    names = [field.name for field in fields(StyleOptions)]
    assert list(inspect.signature(command).parameters) == ["before", *names, "mirror"]
    given = {**vars(StyleOptions()), "style": "udnie", "strength": 0.5}
    command(**given, before=1, mirror=True)
    assert got == [(StyleOptions(style="udnie", strength=0.5), True)]
    with pytest.raises(BadInputError, match="strength is 0 to 1"):
        command(**{**given, "strength": 2.0}, before=1)


def test_a_notice_about_an_error_keeps_its_hint_and_shows_flags(capsys: pytest.CaptureFixture[str]) -> None:
    error = OutputError("x.mp4: exists already", hint="use `overwrite` here")
    notify(f"net fast is left out: {error.full_text}")
    assert capsys.readouterr().err == "rtstyle: net fast is left out: x.mp4: exists already: use --force here\n"
