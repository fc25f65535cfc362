"""What a text is, before the server is asked: one statement or several, what kind, and whether it may be run."""

from __future__ import annotations

from dataclasses import dataclass

from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.plans.lexer import Kind, Token, tokens

_READS = frozenset({"select", "values", "table", "with"})
_WRITES = frozenset({"insert", "update", "delete", "merge"})
_MAKES = frozenset({"create", "declare"})  # CREATE TABLE ... AS, DECLARE ... CURSOR: the query in them has a plan
_OPEN, _CLOSE = ("(", "["), (")", "]")
HIDDEN = "<insufficient privilege>"
_WHOLE_TEXT = "Give the whole statement: --sql-file FILE, or --queryid Q"

# What these do is not taken back with the transaction, or reaches out of it; so a plan is not worth it.
_FAR_REACHING = (
    "dblink", "crosstab", "lo_", "nextval", "setval", "set_config", "query_to_xml", "pg_terminate_backend",
    "pg_cancel_backend", "pg_reload_conf", "pg_rotate_logfile", "pg_switch_wal", "pg_create_",
    "pg_drop_replication", "pg_copy_", "pg_replication_", "pg_logical_", "pg_sync_replication", "pg_promote",
    "pg_wal_replay_", "pg_backup_", "pg_start_backup", "pg_stop_backup", "pg_advisory_", "pg_try_advisory_",
    "pg_notify", "pg_file_", "pg_read_file", "pg_read_binary_file", "pg_import_", "pg_export_snapshot",
    "pg_stat_reset", "pg_stat_statements_reset", "pg_stat_force", "pg_log_", "pg_prewarm", "autoprewarm_",
    "pg_buffercache_evict", "pg_clear_", "pg_restore_", "pg_truncate_", "brin_", "gin_clean_", "pg_nextoid",
    "hypopg_", "http", "cron", "pgagent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. ``text`` begins and ends with its first and last token; ``tokens`` are without comments.

    ``parameters``: the highest n of its ``$n``. ``squashed``: holds a list that pg_stat_statements has shortened.
    """

    text: str
    tokens: tuple[Token, ...]
    parameters: int
    squashed: bool

    @property
    def verb(self) -> str:
        """The first word, in lower case; brackets before it do not count."""
        return next((token.value for token in self.tokens if token.text != "("), "")

    @property
    def writes(self) -> str:
        """The verb that changes rows, in capitals, also in a WITH; empty where there is none."""
        before = ""
        for token in self.tokens:
            if token.kind is Kind.WORD and token.value in _WRITES and before in ("", "(", ")"):
                return token.value.upper()
            before = token.text
        return ""


def read_statement(text: str) -> Statement | Unknown:
    """The only statement of a text, or why it has no plan."""
    if text.strip() == HIDDEN:
        return Unknown("its text is hidden from this user", "GRANT pg_read_all_stats to this user, as a superuser")
    if "\0" in text:
        return Unknown("the text holds a zero byte, which PostgreSQL does not take")
    every = list(tokens(text))
    if every and not every[-1].closed:
        what = {Kind.STRING: "a string", Kind.NAME: "a quoted name", Kind.COMMENT: "a comment"}[every[-1].kind]
        return Unknown(f"the text is cut off: it ends inside {what}", _WHOLE_TEXT)
    parts = _split(every)
    if not parts:
        return Unknown("the text holds no statement")
    found = _statement(text, every, parts[0])
    return _objection(found, len(parts)) or found


def _split(every: list[Token]) -> list[list[Token]]:
    """The statements between semicolons, without comments; empty ones do not count."""
    parts: list[list[Token]] = [[]]
    for token in every:
        if token.kind is Kind.END:
            parts.append([])
        elif token.kind is not Kind.COMMENT:
            parts[-1].append(token)
    return [part for part in parts if part]


def _statement(text: str, every: list[Token], part: list[Token]) -> Statement:
    at, begin, end, squashed = 0, -1, 0, False
    ours = {id(token) for token in part}
    for before, token in zip([None, *every], every, strict=False):
        at = text.index(token.text, at)
        if id(token) in ours:
            begin = at if begin < 0 else begin
            end = at + len(token.text)
        squashed |= (
            before is not None
            and before.kind is Kind.PARAMETER
            and token.kind is Kind.COMMENT
            and token.text.replace(" ", "") == "/*,...*/"
        )
        at += len(token.text)
    highest = max((int(token.text[1:]) for token in part if token.kind is Kind.PARAMETER), default=0)
    return Statement(text[begin:end], tuple(part), highest, squashed)


def _objection(found: Statement, count: int) -> Unknown | None:
    verb = found.verb
    if verb == "explain":
        return Unknown("this is an EXPLAIN already", "Give the statement after EXPLAIN alone")
    if verb not in _READS | _WRITES | _MAKES:
        return Unknown(
            f"{one_line(verb.upper(), 40)} has no plan: only SELECT, VALUES, TABLE, WITH, INSERT, UPDATE, DELETE, "
            "MERGE, CREATE TABLE ... AS and DECLARE ... CURSOR have one"
        )
    if count > 1:
        return Unknown(f"the text holds {count} statements; a plan is of one", "Give one of them")
    depth = 0
    for token in found.tokens:
        depth += (token.text in _OPEN) - (token.text in _CLOSE) if token.kind is Kind.SIGN else 0
        if depth < 0:
            return Unknown("the text closes a bracket that it does not open")
    if depth:
        return Unknown("the text is cut off: it ends inside brackets", _WHOLE_TEXT)
    if found.parameters > _MOST_PARAMETERS:
        return Unknown(f"${found.parameters} is beyond what PostgreSQL takes as a parameter")
    return None


_MOST_PARAMETERS = 65_535


def must_not_run(found: Statement) -> Unknown | None:
    """Why EXPLAIN ANALYZE, which runs the statement, is refused; None when it is one query that only reads.

    The second lock is the server's: the transaction is read-only.
    """
    plain = "Without --analyze it is planned, and not run"
    if verb := found.writes:
        return Unknown(f"--analyze runs the statement, and this one changes rows ({verb})", plain)
    if found.verb not in _READS:
        return Unknown("--analyze runs the statement, and takes a single SELECT, VALUES, TABLE or WITH only", plain)
    if found.parameters:
        return Unknown(
            "--analyze runs the statement, and its parameters have no values",
            f"Put values in their place. {plain}",
        )
    words = [token.value if token.kind is Kind.WORD else token.text for token in found.tokens]
    if "into" in words:
        return Unknown("--analyze runs the statement, and SELECT INTO makes a table", plain)
    for at, word in enumerate(words[:-1]):
        if word == "for" and words[at + 1] in ("update", "share", "no", "key"):
            return Unknown("--analyze runs the statement, and this one locks rows (FOR UPDATE or FOR SHARE)", plain)
    for token, after in zip(found.tokens, found.tokens[1:], strict=False):
        named = token.kind in (Kind.WORD, Kind.NAME) and after.text == "("
        if named and (token.text[:2].lower() == "u&" or token.value.lower().startswith(_FAR_REACHING)):
            return Unknown(
                f"--analyze runs the statement, and what {one_line(token.value, 80)}() does may reach beyond its "
                "transaction",
                plain,
            )
    return None
