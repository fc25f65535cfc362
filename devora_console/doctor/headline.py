"""The sentence a person reads first: the worst thing, and the next step. A pure function."""

from __future__ import annotations

from collections.abc import Mapping

from devora_console.core.console import HeaderSnapshot, Link, OverviewLine, ServerState, Verdict
from devora_console.doctor.words import plural
from devora_console.migration.progress import MigrationSnapshot


def headline(header: HeaderSnapshot, lines: Mapping[str, OverviewLine], dry_run: MigrationSnapshot | None) -> str:
    """Lines come by id: mongo, postgres, schema, copy, verify, quarantine."""
    for words in (
        _connections(header),
        _under_way(lines),
        _target(lines),
        _progress(header, lines, dry_run),
    ):
        if words:
            return words
    return f"Copied and verified: {lines['verify'].text}. Quarantine is empty."


def _connections(header: HeaderSnapshot) -> str:
    """Servers that do not answer; nothing below can be believed without them."""
    servers = (header.postgres, header.mongo)
    broken = [server for server in servers if server.link in (Link.LOST, Link.REFUSED)]
    if broken:
        said = " ".join(_broken(server) for server in broken)
        steps = [server.problem.remedy for server in broken if server.problem and server.problem.remedy]
        return f"{said} Next: {_lower(steps[0])}." if steps else said
    absent = [server.engine for server in servers if server.link is Link.ABSENT]
    if absent:
        verb = "is" if len(absent) == 1 else "are"
        step = "devora-console config init, or try devora-console demo"
        return f"{' and '.join(absent)} {verb} not configured. Next: {step}."
    waiting = [server.engine for server in servers if server.link is Link.CONNECTING]
    return f"Connecting to {' and '.join(waiting)} ..." if waiting else ""


def _broken(server: ServerState) -> str:
    what = "refuses us" if server.link is Link.REFUSED else "is lost"
    reason = f": {server.problem.message}" if server.problem else ""
    return f"{server.engine} {what}{reason}."


def _under_way(lines: Mapping[str, OverviewLine]) -> str:
    copy = lines["copy"]
    if copy.verdict not in (Verdict.RUNNING, Verdict.PAUSED):
        return ""
    step = "resume it (2, P)" if copy.verdict is Verdict.PAUSED else _lower(copy.remedy) or "watch it (2)"
    return f"Copy {copy.text}.{_held(lines)} Next: {step}."


def _target(lines: Mapping[str, OverviewLine]) -> str:
    """What would make a copy fail before it begins."""
    postgres, schema, mongo = lines["postgres"], lines["schema"], lines["mongo"]
    if postgres.verdict is Verdict.FAIL:
        return f"PostgreSQL: {postgres.text}. Next: {_lower(postgres.remedy)}."
    if schema.verdict is Verdict.FAIL:
        return f"The schema is not as it was applied: {schema.text}. Next: {_lower(schema.remedy)}."
    if schema.verdict is Verdict.NONE:
        return f"The schema is not applied yet. Next: {schema.remedy}."
    if schema.verdict is Verdict.UNKNOWN:
        step = f" Next: {_lower(schema.remedy)}." if schema.remedy else ""
        return f"The state of the schema is not known: {schema.text}.{step}"
    if mongo.verdict is Verdict.WARN:
        return f"MongoDB: {mongo.text}. Next: {_lower(mongo.remedy)}."
    return ""


def _progress(header: HeaderSnapshot, lines: Mapping[str, OverviewLine], dry_run: MigrationSnapshot | None) -> str:
    copy, verify, quarantine = lines["copy"], lines["verify"], lines["quarantine"]
    if verify.verdict is Verdict.FAIL:
        return f"Verification failed: {verify.text}.{_held(lines)} Next: see the tables (2, t)."
    execute = "execute the copy (2, X)" + (", which needs --allow-writes" if header.read_only else "")
    if copy.verdict in (Verdict.FAIL, Verdict.WARN):
        return f"The last copy {copy.text}. Next: {execute}; it goes on where it stopped."
    if copy.verdict is Verdict.NONE:
        if dry_run is None:
            return "Nothing copied yet. Next: run a dry run (2, d)."
        refused = sum(dry_run.quarantine_rules.values())
        kept = f", {plural(refused, 'document')} would go to quarantine" if refused else ""
        return f"Nothing copied yet; the dry run is done{kept}. Next: {execute}."
    if verify.verdict is Verdict.STALE:
        return f"Copied; the verification is {verify.text}.{_held(lines)} Next: verify (2, v)."
    if verify.verdict is not Verdict.OK:
        return f"Copied ({copy.text}), not verified by this console yet.{_held(lines)} Next: verify (2, v)."
    if quarantine.verdict is Verdict.WARN:
        return f"Copied and verified.{_held(lines)} Next: look at them (2, q)."
    if lines["schema"].verdict is Verdict.WARN:
        return f"Copied and verified. Schema: {lines['schema'].text}. Next: devora-console schema status."
    return ""


def _held(lines: Mapping[str, OverviewLine]) -> str:
    """The quarantine, when there is something in it."""
    line = lines["quarantine"]
    return f" Quarantine: {line.text}." if line.verdict is Verdict.WARN else ""


def _lower(step: str) -> str:
    """A remedy as the end of a sentence: names such as MONGO_URL keep their capitals."""
    plain = len(step) > 1 and step[0].isupper() and not step[1].isupper()
    return (step[0].lower() + step[1:] if plain else step).rstrip(".")
