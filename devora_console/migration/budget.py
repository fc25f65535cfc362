"""How many documents may go to quarantine before a run is refused."""

from __future__ import annotations

from collections.abc import Iterable

from devora_console.config.quarantine import QuarantineBudget
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line
from devora_console.migration.mapping import Policy
from devora_console.migration.progress import CollectionProgress


def check_words(budget: str) -> QuarantineBudget:
    """What ``budget`` says. Raises ConsoleError (exit 2) unless it is a count ("50") or a share ("2.5%")."""
    parsed = QuarantineBudget.parse(budget)
    if parsed is None:
        raise usage_error(
            "quarantine_budget", f"--max-quarantine {one_line(budget, 40)!r} is no budget", "Write 50, or 10%"
        )
    return parsed


def room(progress: Iterable[CollectionProgress], budget: str) -> int:
    """How many documents more may be refused. Raises ConsoleError (exit 1) when there are too many already."""
    mapped = [each for each in progress if each.policy == Policy.MAP]
    quarantined = sum(each.quarantined for each in mapped)
    documents = sum(each.migrated + each.quarantined for each in mapped)
    allowed = check_words(budget).documents(documents)
    if quarantined > allowed:
        raise over(f"{quarantined} of {documents} documents would go to quarantine, the budget is {budget}")
    return allowed - quarantined


def over(what: str) -> ConsoleError:
    """The error for a budget that is spent."""
    return ConsoleError.of(
        ExitCode.NEGATIVE,
        "quarantine_over_budget",
        what,
        "Look at them (quarantine list), correct the mapping or the data, or raise --max-quarantine",
    )
