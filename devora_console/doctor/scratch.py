"""Scratch databases that killed consoles have left behind."""

from __future__ import annotations

from collections.abc import Sequence

from devora_console.core.scratch import Left, left_words
from devora_console.doctor.check import Answer, passed, warned

_NAMED = 5


def scratch_answer(found: Sequence[Left]) -> Answer:
    """What is said of them: those of a trial under way are no fault."""
    behind = [each for each in found if not each.alive]
    under_way = len(found) - len(behind)
    if not behind:
        return passed(f"{under_way} in use" if under_way else "none left behind")
    named = "; ".join(left_words(each) for each in behind[:_NAMED])
    more = f"; and {len(behind) - _NAMED} more" if len(behind) > _NAMED else ""
    swept = [each for each in behind if each.dead]
    if len(swept) == len(behind):
        remedy = "The next one of that kind drops what a dead process has left"
    else:
        remedy = "See that nobody needs them, then drop them by hand"
    return warned(f"{len(behind)} left behind: {named}{more}", remedy)
