"""What a ranking is worth against judgments: recall, reciprocal rank, discounted gain. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

GRADES = (0, 1, 2)
"""0 has nothing to do with the query, 1 is related, 2 answers it."""
ANSWERS = 2


@dataclass(frozen=True, slots=True)
class Score:
    """One ranking against one query's judgments, each 0 to 1.

    ``recall_*``: the share of the answers (grade 2; of a query without any, of what is related) among the first 5 or
    10. ``mrr``: 1 / rank of the first of them, 0 beyond the tenth. ``ndcg_at_10`` counts both grades, gain 2^grade - 1.
    """

    recall_at_5: float
    recall_at_10: float
    mrr: float
    ndcg_at_10: float


NAMES = ("recall_at_5", "recall_at_10", "mrr", "ndcg_at_10")


def score(ranking: Sequence[str], judgments: Mapping[str, int]) -> Score:
    """Judge a ranking, each document in it once; what was never judged counts as 0.

    >>> score(["x", "a"], {"a": 2, "b": 1}).mrr
    0.5
    """
    best = max(judgments.values(), default=0)
    wanted = {each for each, grade in judgments.items() if grade >= min(best, ANSWERS) and grade > 0}
    if not wanted:
        return Score(0.0, 0.0, 0.0, 0.0)
    first = next((rank for rank, each in enumerate(ranking[:10], 1) if each in wanted), None)
    return Score(
        recall_at_5=len(wanted & set(ranking[:5])) / len(wanted),
        recall_at_10=len(wanted & set(ranking[:10])) / len(wanted),
        mrr=1 / first if first else 0.0,
        ndcg_at_10=_gain([judgments.get(each, 0) for each in ranking[:10]])
        / _gain(sorted(judgments.values(), reverse=True)[:10]),
    )


def _gain(grades: Sequence[int]) -> float:
    return sum(float(2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))
