"""The list of commands in `--help`, by what they are for."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

_ORDER = ("Look", "Refresh", "Decide about data", "Configure", "Mend")


class Grouped(TyperGroup):
    """A group whose help has its commands below the titles that they were registered with."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write them; titles in their order."""
        found = [(name, command) for name in self.list_commands(ctx) if (command := self.get_command(ctx, name))]
        panels = {name: str(getattr(command, "rich_help_panel", "")) for name, command in found}
        room = formatter.width - 6 - max(len(name) for name, _ in found)
        titled = sorted(found, key=lambda one: _ORDER.index(panels[one[0]]))
        for title, commands in groupby(titled, key=lambda one: panels[one[0]]):
            with formatter.section(title):
                formatter.write_dl([(name, command.get_short_help_str(room)) for name, command in commands])
