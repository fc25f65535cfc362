"""The quarantine budget: a count of documents, or a part of all documents to migrate."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

_FORM = re.compile(r"(?P<number>\d{1,12}|\d{1,3}(?:\.\d{1,6})?(?=%))(?P<percent>%?)")


@dataclass(frozen=True, slots=True)
class QuarantineBudget:
    """``number`` documents, or ``number`` per cent of all documents to migrate when ``is_percent``."""

    number: Decimal
    is_percent: bool

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The budget written as ``'50'`` or ``'2.5%'``; None when it is neither, or above 100 per cent."""
        match = _FORM.fullmatch(text.strip())
        if match is None or not match["number"].isascii():
            return None
        budget = cls(Decimal(match["number"]), bool(match["percent"]))
        return None if budget.is_percent and budget.number > 100 else budget

    def documents(self, total: int) -> int:
        """How many of ``total`` documents may be quarantined, rounded down.

        >>> [QuarantineBudget.parse(text).documents(1247) for text in ('50', '10%', '0')]
        [50, 124, 0]
        """
        return math.floor(total * self.number / 100) if self.is_percent else int(self.number)
