"""Commands whose arguments are words a person types: a word that begins with - is one, and no option."""

from __future__ import annotations

from typing import Any

import click

_WORD = "\0"  # no argument of a program can hold it


class Typed(click.Command):
    """Takes what looks like no option of its as a word: ``-cache``, ``"-cache redis"``, ``"--amend ne va pas"``.

    A single word with two dashes that is no option stays an error: it is a misspelt option more often than a question.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Mark those words, let click sort the rest, take the marks away."""
        short = set(ctx.help_option_names)
        valued: set[str] = set()
        for option in self.params:
            if isinstance(option, click.Option):
                short.update(option.opts)
                valued.update(option.opts if not option.is_flag else ())
        marked: list[str] = []
        for at, each in enumerate(args):
            if each == "--":
                marked += args[at:]
                break
            value = bool(marked) and marked[-1] in valued
            marked.append(_WORD + each if not value and _typed(each, short) else each)
        rest = super().parse_args(ctx, marked)
        ctx.params = {name: _bare(value) for name, value in ctx.params.items()}
        return rest


def _typed(word: str, options: set[str]) -> bool:
    if not word.startswith("-") or word == "-" or word.partition("=")[0] in options:
        return False
    return not word.startswith("--") or len(word.split()) > 1


def _bare(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_bare, value))
    return value.removeprefix(_WORD) if isinstance(value, str) else value
