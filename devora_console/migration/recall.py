"""Meeting the surveyed documents again: which is which, and which have changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from devora_console.migration.convert import identify
from devora_console.migration.entries import Fate
from devora_console.migration.ledger import Ledger


def seen_digest(raw: bytes) -> bytes:
    """Tells whether a document is still the one that was surveyed."""
    return hashlib.md5(raw, usedforsecurity=False).digest()


class Recall:
    """One more pass over a collection in the order of the survey.

    ``met`` counts documents recognised so far, ``strange`` those that came or changed since.
    """

    def __init__(self, ledger: Ledger, collection: str) -> None:
        self._ledger = ledger
        self._collection = collection
        self._twins = ledger.twins(collection)
        self._times: dict[str, int] = {}
        self.met = 0
        self.strange = 0

    def recognise(self, batch: Sequence[bytes]) -> list[tuple[str, bytes, Fate | None]]:
        """(source id, raw, fate); the fate is None for documents that came or changed after the survey.

        A second document with the same ``_id`` has the number behind its source id that the survey gave it.
        """
        names = [self._name(identify(raw)) for raw in batch]
        fates = self._ledger.fates(self._collection, names)
        result: list[tuple[str, bytes, Fate | None]] = []
        for name, raw in zip(names, batch, strict=True):
            fate = fates.get(name)
            if fate is not None and fate.seen != seen_digest(raw):
                fate = None
            self.met += fate is not None
            self.strange += fate is None
            result.append((name, raw, fate))
        return result

    def missed(self) -> int:
        """After the pass: documents surveyed that were not met again and did not change."""
        return max(0, sum(self._ledger.tally(self._collection).values()) - self.met - self.strange)

    def _name(self, identity: str) -> str:
        if identity not in self._twins:
            return identity
        times = self._times[identity] = self._times.get(identity, 0) + 1
        return identity if times == 1 else f"{identity} #{times}"
