"""rtstyle train: the group of its commands, which are put together when one of them is asked for.

Their options come from the configs of `train`; every other start of `rtstyle` would pay for loading those.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

__all__ = ["train_app"]


class _TrainGroup(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        self._load()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        self._load()
        return super().get_command(ctx, cmd_name)

    def _load(self) -> None:
        if self.commands:
            return
        from rtstyle.commands import train_bank, train_gatys, train_sr, train_style

        app = typer.Typer(rich_markup_mode=None, add_completion=False)
        for command in (train_bank.bank, train_bank.export, train_style.style, train_gatys.gatys, train_sr.sr):
            app.command(command.__name__)(command)
        group: Any = typer.main.get_command(app)
        self.commands.update(group.commands)


train_app = typer.Typer(
    name="train",
    cls=_TrainGroup,
    help="Train banks of styles, fit one more style, or run the slow reference.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
