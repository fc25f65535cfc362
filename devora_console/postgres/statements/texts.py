"""Texts and names of statements: read rarely, by key, and kept. Reading one text costs the server reading them all."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from math import inf

from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.encodings import decode
from devora_console.postgres.names import quoted
from devora_console.postgres.statements.judge import slow
from devora_console.postgres.statements.listing import SORTS, in_window, listed
from devora_console.postgres.statements.read import ask
from devora_console.postgres.statements.snapshot import Key, Place, Statement, StatementsSnapshot
from devora_console.postgres.watch.guest import TAG, Guest

_AGAIN_SECONDS, _AGAIN_MOST = 60.0, 3600.0  # after a failure, ever longer: each leaves a line in the server's log
_KEPT = 2_000
_KEPT_BYTES = 64_000_000
_SECONDS = 30.0
_HIDDEN = "<insufficient privilege>"
_GONE = Unknown("the server does not show its text: it was evicted or reset since, or may not be seen any more")
_SOON = Unknown("its text will be read with the next ones", "Texts are read rarely, as that costs the server much")
_LOST = Unknown("the server has lost its text (the file of texts was too large, or could not be read)")
_NAMELESS = Unknown("it does not exist any more")


class Texts:
    """What was read so far. One for as long as a server is watched.

    ``pause_seconds`` is the least time between two readings, however many new statements appear meanwhile.
    """

    def __init__(self, pause_seconds: float = 0.0) -> None:
        self._pause = pause_seconds
        self._read_at = -inf
        self._again = _AGAIN_SECONDS / 4
        self._texts: dict[Key, str | Unknown] = {}
        self._names: dict[tuple[str, int], str | Unknown] = {}
        self._encodings: dict[int, str] = {}
        self._bytes = 0
        self._failed: Unknown | None = None
        self._ours: frozenset[Key] | Unknown = Unknown("texts were not read yet")

    @property
    def ours(self) -> frozenset[Key] | Unknown:
        """The console's own statements, as of the last reading of texts."""
        return self._ours

    async def of(self, guest: Guest, place: Place, keys: Iterable[Key]) -> Mapping[Key, str | Unknown]:
        """The exact text of each of ``keys``, or why it is not known; ours are not among them.

        Asks the server only when one is not known yet; after a failure not for a minute, and then ever longer.
        """
        wanted = list(keys)
        if self._bytes > _KEPT_BYTES or len(self._texts) > _KEPT:
            self._texts.clear()
            self._bytes = 0
        new = [key for key in wanted if key not in self._texts]
        pause = self._pause if self._failed is None else max(self._pause, self._again)
        otherwise = _SOON
        if new and time.monotonic() - self._read_at >= pause:
            await self._read(guest, place, new)
            otherwise = _GONE
        return {key: self._texts.get(key, self._failed or otherwise) for key in wanted if key not in self._mine}

    async def first(
        self,
        guest: Guest,
        snapshot: StatementsSnapshot,
        slow_ms: float,
        *,
        orders: Iterable[str] = tuple(SORTS),
        limit: int = 100,
        min_ms: float = 0.0,
    ) -> StatementsSnapshot:
        """The snapshot with the first ``limit`` statements of each of ``orders`` only, with texts and names; not ours.

        Two readings of texts at most: until the first we do not know which statements are ours.
        """
        orders = tuple(orders)
        chosen = self._chosen(snapshot, orders, limit, min_ms)
        await self.of(guest, snapshot.place, [each.key for each in chosen])
        chosen = self._chosen(snapshot, orders, limit, min_ms)
        texts = await self.of(guest, snapshot.place, [each.key for each in chosen])
        await self._read_names(guest, chosen if self._failed is None else snapshot.statements)
        others = [each for each in snapshot.statements if each.key not in self._mine]
        return replace(
            snapshot,
            statements=tuple(
                replace(
                    each,
                    text=texts.get(each.key, _GONE),
                    user=self._names.get(("role", each.key.userid), each.user),
                    database=self._names.get(("database", each.key.dbid), each.database),
                )
                for each in chosen
            ),
            count=len(others),
            slow=sum(slow(in_window(each, snapshot), slow_ms) for each in others),
            ours=self._ours if isinstance(self._ours, Unknown) else len(snapshot.statements) - len(others),
            notes=snapshot.notes if self._failed is None else (*snapshot.notes, self._said()),
        )

    def _chosen(
        self, snapshot: StatementsSnapshot, orders: Iterable[str], limit: int, min_ms: float
    ) -> list[Statement]:
        found: dict[Key, Statement] = {}
        for order in orders:
            ranked = (each for each in listed(snapshot, order, min_ms=min_ms) if each.key not in self._mine)
            found |= {each.key: each for each in islice(ranked, limit)}
        return list(found.values())

    @property
    def _mine(self) -> frozenset[Key]:
        return self._ours if isinstance(self._ours, frozenset) else frozenset()

    async def _read(self, guest: Guest, place: Place, keys: list[Key]) -> None:
        columns = [list(column) for column in zip(*keys, strict=True)]
        rows = await ask(guest, "statements_texts", *columns, TAG.encode(), place=place, seconds=_SECONDS, again=True)
        self._read_at = time.monotonic()
        self._failed = self._why(rows, place) if isinstance(rows, Unknown) else None
        if isinstance(rows, Unknown):
            self._again = min(4 * self._again, _AGAIN_MOST)
            return
        self._again = _AGAIN_SECONDS / 4
        ours = []
        for row in rows:
            key = Key(*list(row)[:4])
            if row["ours"]:
                ours.append(key)
            else:
                self._keep(key, row["text"], place)
        self._ours = frozenset(ours)

    def _keep(self, key: Key, data: bytes | None, place: Place) -> None:
        text: str | Unknown
        if data is None:
            text = _LOST
        else:
            self._bytes += len(data)
            text = data.decode("utf-8", "replace")
            if text == _HIDDEN:
                text = Unknown("its text is hidden", place.grant)
        self._texts[key] = text

    def _why(self, refusal: Unknown, place: Place) -> Unknown:
        if "another encoding" not in refusal.reason:
            return refusal
        function = f"{quoted(place.schema)}.pg_stat_statements_reset"
        return Unknown(
            "the texts cannot be read: at least one statement of another database is no text in this one's encoding",
            "Numbers are not concerned. Texts come back when that entry is gone, as with"
            f" SELECT {function}(0, OID, 0), which forgets the statistics of the database with that OID; or look at"
            " them in a database of encoding SQL_ASCII",
        )

    def _said(self) -> str:
        assert self._failed is not None
        found = [self._names[kind, oid] for kind, oid in self._names if self._encodings.get(oid) == "SQL_ASCII"]
        names = ", ".join(sorted(one_line(name, 60) for name in found if isinstance(name, str)))
        which = f" Databases of encoding SQL_ASCII: {names}." if names else ""
        return f"Texts: {self._failed.reason}.{which} {self._failed.remedy}"

    async def _read_names(self, guest: Guest, statements: Iterable[Statement]) -> None:
        keys = [each.key for each in statements]
        roles = {key.userid for key in keys if ("role", key.userid) not in self._names}
        bases = {key.dbid for key in keys if ("database", key.dbid) not in self._names}
        if not roles and not bases:
            return
        rows = await ask(guest, "statements_names", list(roles), list(bases))
        if isinstance(rows, Unknown):
            return
        self._names |= {("role", oid): _NAMELESS for oid in roles} | {("database", oid): _NAMELESS for oid in bases}
        for row in rows:
            name = decode(row["name"]) or ""
            self._names[row["kind"], row["oid"]] = name
            if row["encoding"]:
                self._encodings[row["oid"]] = row["encoding"]
