"""The same as an act of the cutover's screen, as a command. Pure."""

from __future__ import annotations

from devora_console.tui.render.cutover_can import Here


def command_words(verb: str, here: Here) -> str:
    """The subcommand that does the same; '' where only a screen can."""
    line, gate = here.current, here.gate
    step = line.planned.id if line is not None else "STEP"
    typed = f"--yes-i-typed {here.seen.environment}"
    go = "cutover run --resume --go" if here.at_no_return else "cutover run --resume"
    skipped, over = here.skippable, here.after_the_end
    of = f" --run {over.id}" if over is not None else ""
    attested = f"cutover attest {gate.id if gate else 'GATE'} --evidence WORDS"
    return {
        "begin": f"cutover run {typed}",
        "rehearse": f"cutover run --rehearsal {typed}",
        "take_up": f"cutover run --resume {typed}",
        "go": f"{go} {typed}",
        "go_on": f"cutover run --resume {typed}",
        "attest": f"cutover run --resume --done {step}=WORDS {typed}" if here.manual and gate is None else attested,
        "waive": f"cutover waive {gate.id if gate else 'GATE'} --reason WORDS",
        "retry": f"cutover retry {step}",
        "happened": f"cutover resolve {step} --done --reason WORDS",
        "did_not_happen": f"cutover resolve {step} --not-done --reason WORDS",
        "skip": f"cutover skip {skipped.planned.id if skipped else 'STEP'} --reason WORDS",
        "roll_back": f"cutover rollback{of} --reason WORDS {typed}",
        "vote_go": f"cutover vote{of} --scope {here.vote_scope} --go",
        "object": f"cutover vote{of} --scope {here.vote_scope} --object --reason WORDS",
        "note": f"cutover note{of} WORDS",
    }.get(verb, "")
