"""What a person excluded with -word, kept out of the legs that know no words: full text does so by itself. Pure."""

from __future__ import annotations

from dataclasses import replace

from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import Question
from devora_console.search.ground import HERE


def keeping_out(question: Question, excluded: str, most: str) -> Question:
    """The question without the documents that hold what is excluded. ``excluded``: a tsquery of negations only, empty
    where nothing is; ``most``: the parameter of the statement that says how many are asked for, as it stands there.
    """
    if not excluded:
        return question
    leg = "\n".join(line for line in question.sql.strip().splitlines() if not line.startswith("--"))
    text = sql(HERE, "without").format(
        leg=leg,
        deeper=leg.replace(most, f"20 * {most}"),
        whose=sql(HERE, "whose").strip(),
        kept=f"${len(question.parameters) + 1}::tsquery",
        most=most,
    )
    return replace(question, sql=text, parameters=(*question.parameters, excluded))
