"""One step, gate or event in depth. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from rich.text import Text

from devora_console.core.clock import iso, span
from devora_console.core.snapshot import to_json
from devora_console.cutover.events import Event
from devora_console.cutover.gating import GateLine
from devora_console.cutover.snapshot import CutoverSnapshot, StepLine, verdict_of_step
from devora_console.cutover.state import Attempt, StepStanding
from devora_console.cutover.telling import words
from devora_console.tui.render.cutover import took
from devora_console.tui.render.cutover_lists import gate_class, gate_limit, gate_state
from devora_console.tui.render.look import Look


def step_brief(seen: CutoverSnapshot, line: StepLine, lines: int, look: Look, width: int) -> Text:
    """What a pane shows of a step: state, what it does, its probes, and the end of its output while it is current."""
    out = _step_head(seen, line, look)
    _section(out, "command", look.text(line.planned.command or line.planned.words, 400))
    _section(out, "probes", _probes(line, look))
    if line.planned.undo is not None:
        _section(out, "way back", look.text(line.planned.undo.words or line.planned.undo.command, 300))
    if line.planned.id == seen.current and seen.output:
        room = max(4, lines - 2 - sum(max(1, -(-len(each) // width)) for each in out.plain.split("\n")))
        kept = [look.fit(look.text(each, 4 * width), width) for each in seen.output[-room:]]
        _section(out, "output", "\n".join(kept))
    return out


def step_depth(seen: CutoverSnapshot, line: StepLine, output: Sequence[str], look: Look) -> Text:
    """Everything known of a step."""
    planned, standing = line.planned, line.standing
    out = _step_head(seen, line, look)
    _section(out, "about", look.lines(planned.about, 2_000))
    _section(out, "command", look.lines(planned.command or planned.words, 2_000))
    _section(out, "adds to the environment", look.text(", ".join(planned.env), 400))
    _section(out, "limits", look.text(_limits(line), 400))
    _section(out, "probes", _probes(line, look))
    _section(out, "looked at after a crash", _listed(planned.already, look))
    _section(out, "guardrails while it runs", _listed(planned.guardrails, look))
    if planned.undo is not None:
        undo = planned.undo
        time = f"about {span(undo.time.p50)}" if undo.time else ""
        _section(out, "way back", _listed(filter(None, (undo.words, undo.command, *undo.probes, time)), look))
    elif not planned.point_of_no_return:
        _section(out, "way back", "nothing is taken back")
    _section(out, "in a rehearsal", look.text(planned.rehearsal, 600))
    if standing is not None:
        _section(out, "evidence", look.lines(standing.evidence, 2_000))
        _section(out, "attempts", _attempts(standing, look))
    _section(
        out, f"output of the last attempt ({len(output)} lines)", "\n".join(look.text(each, 400) for each in output)
    )
    return out


def gate_depth(gate: GateLine, look: Look) -> Text:
    """Everything known of a gate."""
    state, style = gate_state(gate, look)
    out = Text(look.text(gate.title), style="bold", end="")
    out.append(Text(f"\n{state}", style=style))
    out.append(f"  {gate_class(gate)}  {look.text(gate.id, 80)}")
    if gate.item is not None:
        out.append(f"\nitem {gate.item} of the guide's checklist")
    _section(out, "found", look.lines(gate.value, 2_000))
    _section(out, "needed", look.lines(gate.threshold, 600))
    age = f"{span(gate.age_seconds)} old" if gate.age_seconds is not None else "no finding yet"
    _section(out, "age", f"{age}, counts for {gate_limit(gate)}")
    _section(out, "before", "GO" if gate.phase == "start" else f"step {look.text(gate.phase, 80)}")
    _section(out, "why", look.lines(gate.why, 2_000))
    _section(out, "remedy", look.lines(gate.remedy, 2_000))
    _section(out, "said by", look.text(gate.actor, 200))
    if gate.waiver:
        _section(out, "waived", look.lines(f"{gate.waived_by}: {gate.waiver}", 2_000))
    _section(out, "about", look.lines(gate.about, 2_000))
    return out


def event_depth(event: Event, look: Look) -> Text:
    """One event with all that the journal keeps of it."""
    out = Text(look.text(f"{event.seq}  {event.kind.value}"), style="bold", end="")
    out.append(Text(f"\n{look.lines(words(event), 4_000)}"))
    _section(out, "who", look.text(f"{event.actor} on {event.host}", 200))
    _section(out, "when", f"{iso(event.at)}")
    _section(out, "payload", look.lines(json.dumps(to_json(event.payload), ensure_ascii=False, indent=2), 8_000))
    _section(out, "hash", look.text(event.hash, 80))
    _section(out, "hash before", look.text(event.previous, 80))
    return out


def _step_head(seen: CutoverSnapshot, line: StepLine, look: Look) -> Text:
    planned, standing = line.planned, line.standing
    out = Text(f"{planned.number} of {len(seen.steps)}  {look.text(planned.title)}", style="bold", end="")
    verdict = verdict_of_step(line.state)
    out.append(Text(f"\n{look.state(verdict, line.state.value)}", style=look.style(verdict)))
    time = took(line)
    if time:
        out.append(f" {'for' if line.going_seconds is not None else 'after'} {time}")
    wanted = planned.time
    source = f"{wanted.n} measured, p95 {span(wanted.p95)}" if wanted.measured else "estimate"
    out.append(look.plain(f"\nexpected {span(wanted.p50)} ({source}) · {planned.kind.value}"))
    if planned.guide:
        out.append(look.plain(" · guide ") + look.text(planned.guide, 40))
    if planned.point_of_no_return:
        out.append("\npoint of no return: from here on real writes reach PostgreSQL")
    if standing is not None and standing.reason:
        by = f" (by {standing.by})" if standing.by else ""
        out.append(f"\n{look.lines(standing.reason + by, 2_000)}")
    if seen.waits_for and planned.id == seen.current and not (standing and standing.reason == seen.waits_for):
        out.append(f"\nwaits for {look.text(seen.waits_for, 600)}")
    return out


def _limits(line: StepLine) -> str:
    planned = line.planned
    parts = [f"ends after {span(planned.timeout_seconds)}" if planned.timeout_seconds else ""]
    parts.append("may be started again" if planned.idempotent else "is never started again by itself")
    parts.append(f"{planned.people} people approve" if planned.people > 1 else "")
    parts.append("waits for a key" if planned.pause else "")
    parts.append(f"waits {span(planned.wait_seconds)} under observation" if planned.wait_seconds else "")
    return ", ".join(each for each in parts if each)


def _probes(line: StepLine, look: Look) -> str:
    """What was seen; before anything was, what will be looked at."""
    seen = line.standing.probes if line.standing else {}
    if not seen:
        return _listed(line.planned.probes, look)
    return "\n".join(
        f"{look.state(each.verdict)} {look.text(f'{each.id}: {each.value}', 300)}\n"
        f"  needed: {look.text(each.needed, 300)}, at {each.at:%H:%M:%SZ}"
        for each in seen.values()
    )


def _attempts(standing: StepStanding, look: Look) -> str:
    return "\n".join(look.text(_attempt(each), 300) for each in standing.attempts)


def _attempt(each: Attempt) -> str:
    what = f"{'undo ' if each.undo else ''}{each.number} at {each.intent_at:%H:%M:%SZ}"
    if not each.exited:
        return f"{what}: its end is not known yet"
    ended = f"signal {each.signal}" if each.signal else f"exit code {each.rc}"
    took_ = f" after {span(each.seconds)}" if each.seconds is not None else ""
    late = ", its time was over" if each.timed_out else ""
    return f"{what}: {ended}{took_}{late}, {each.out_bytes} bytes of output"


def _listed(items: Iterable[str], look: Look) -> str:
    return "\n".join(f"- {look.text(each, 600)}" for each in items)


def _section(out: Text, title: str, body: str) -> None:
    if body:
        out.append(f"\n\n{title}\n", style="bold")
        out.append(body)
