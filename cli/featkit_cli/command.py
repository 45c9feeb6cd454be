"""How a command reads what was typed: an option that takes one value takes it once."""

from __future__ import annotations

from collections import Counter
from typing import Any

from typer import BadParameter
from typer.core import TyperCommand, TyperOption


class Command(TyperCommand):
    """A command that refuses an option given twice where only the last would count."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return what is left over after the parameters, as the base does."""
        given = self.make_parser(ctx).parse_args(args=list(args))[2]
        for option, times in Counter(one for one in given if isinstance(one, TyperOption)).items():
            if times > 1 and not (option.multiple or option.is_flag):
                raise BadParameter(f"given {times} times, and it takes one value", ctx=ctx, param=option)
        return super().parse_args(ctx, args)
