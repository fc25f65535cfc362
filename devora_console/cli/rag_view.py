"""Prompts and answers for people, and the same as JSON keys."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from devora_console.cli.tables import number, plain_table
from devora_console.config.rag import RagSettings
from devora_console.core.clock import span
from devora_console.core.safetext import one_line, safe
from devora_console.core.unknown import Unknown
from devora_console.search.rag.model import Answer, AnswerState, Context, Price, RagResponse, Usage
from devora_console.search.rag.price import dollars, most_it_costs, price_of

_MOST = 5_000_000
_ENDS = {
    AnswerState.DECLINED: "! The model declined to answer.",
    AnswerState.CUT_OFF: "! Cut off: the answer is not whole.",
    AnswerState.CANCELLED: "‖ Stopped: the answer is not whole.",
    AnswerState.FAILED: "✗ Failed: the answer is not whole.",
    AnswerState.BROKEN: "✗ Broken off: the answer is not whole.",
}


def prompt_keys(prompt: str, response: RagResponse) -> dict[str, object]:
    """The keys of both commands."""
    return {
        "prompt": prompt,
        "contexts": [_context(each) for each in response.contexts],
        "total_contexts": response.total_contexts,
        "left_out": response.left_out,
        "turns": response.turns,
        "tokens": {
            "budget": response.tokens.budget,
            "added": response.tokens.added,
            "reserve": response.tokens.reserve,
            "frame": response.tokens.frame,
            "conversation": response.tokens.conversation,
            "contexts": response.tokens.contexts,
            "question": response.tokens.question,
            "prompt": response.tokens.prompt,
            "counter": response.tokens.counter,
        },
        "retrieval_time_ms": response.retrieval_time_ms,
        "method": response.method,
        "as_user": response.as_user,
        "notes": response.notes,
    }


def _context(context: Context) -> dict[str, Any]:
    """The citation's text is the original; ``text`` is what stands in the prompt."""
    cited = context.citation
    return {
        "number": cited.number,
        "entity_type": cited.entity_type,
        "entity_id": cited.entity_id,
        "title": cited.title,
        "happened_at": cited.happened_at,
        "score": context.score,
        "tokens": context.tokens,
        "cut": context.cut,
        "characters": context.characters,
        "whole_characters": context.whole_characters,
        "neutralised": context.neutralised,
        "also": cited.also,
        "text": context.text,
        "original": cited.text,
    }


def answer_keys(answer: Answer) -> dict[str, object]:
    """What ``rag ask`` adds: the text as ``answer``, and how it came as ``outcome``."""
    return {
        "answer": answer.text,
        "outcome": {
            "state": answer.state,
            "whole": answer.whole,
            "model": answer.model,
            "seconds": answer.seconds,
            "first_text_seconds": answer.first_text_seconds,
            "counted_tokens": answer.counted_tokens,
            "counter": answer.counter,
            "usage": answer.usage,
            "cost_usd": answer.cost,
            "price": answer.price,
            "cited": answer.cited,
            "cited_unknown": answer.cited_unknown,
            "notes": answer.notes,
            "response_id": answer.response_id,
        },
    }


def told_cost(settings: RagSettings, prompt_tokens: int) -> str:
    """What it may cost at most, for the line before the call."""
    price = price_of(settings)
    most = most_it_costs(price, prompt_tokens, settings)
    if isinstance(most, Unknown) or isinstance(price, Unknown):
        return f"cost unknown (the price of {settings.model} is not set)"
    return f"at most {dollars(most)} (price of {price.as_of})"


def print_prompt(out: Console, prompt: str, response: RagResponse) -> None:
    """The prompt as it would be sent, then how it came to be."""
    _plain(out, safe(prompt, _MOST))
    _plain(out, "─" * 40)
    whose = f"as user {response.as_user}" if response.as_user else "as owner: everybody's documents"
    found = response.method or "nothing was searched for"
    _plain(out, f"{found}, {whose}, {response.retrieval_time_ms:g} ms")
    tokens = response.tokens
    _plain(
        out,
        f"{number(tokens.added)} of {number(tokens.budget)} tokens added ({number(tokens.reserve)} kept free): "
        f"instructions {number(tokens.frame)}, conversation {number(tokens.conversation)}, "
        f"texts {number(tokens.contexts)}; prompt {number(tokens.prompt)} · counted by {tokens.counter}",
    )
    if response.contexts:
        out.print(plain_table(("n", "type", "title", "when", "tokens", "taken"), _rows(response), right=(0, 4)))
    if response.turns:
        cut = sum(each.cut for each in response.turns)
        _plain(out, f"{len(response.turns)} turns of the conversation" + (f", {cut} of them cut" if cut else ""))
    if response.left_out:
        _plain(out, f"left out: {len(response.left_out)}")
        rows = [(each.reason, each.entity_type, each.title or each.entity_id, each.about) for each in response.left_out]
        out.print(plain_table(("reason", "type", "title", "why"), rows))
    for note in response.notes:
        _plain(out, f"· {note}")


def _rows(response: RagResponse) -> list[tuple[str, ...]]:
    return [
        (
            f"[{each.citation.number}]",
            each.entity_type,
            one_line(each.title or each.entity_id, 60),
            f"{each.citation.happened_at:%Y-%m-%d}" if each.citation.happened_at else "?",
            number(each.tokens),
            _taken(each),
        )
        for each in response.contexts
    ]


def _taken(context: Context) -> str:
    whole = number(context.whole_characters)
    words = f"{number(context.characters)} of {whole} characters" if context.cut else "whole"
    if context.citation.also:
        words += f", stands for {len(context.citation.also)} more"
    if context.neutralised:
        words += f", {context.neutralised} signs neutralised"
    return words


def print_answer_end(out: Console, narrate: Callable[[str], None], answer: Answer, response: RagResponse) -> None:
    """After the streamed text: what its numbers stand for; how it ended and what it cost go to ``narrate``."""
    by_number = {each.number: each for each in response.citations}
    for cited in answer.cited:
        found = by_number[cited]
        title = one_line(found.title, 100) or "untitled"
        when = f", {found.happened_at:%Y-%m-%d}" if found.happened_at else ""
        _plain(out, f"[{cited}] {found.entity_type} {title}{when} ({found.entity_id})")
    if answer.state is not AnswerState.COMPLETE:
        narrate(_ENDS[answer.state] if answer.text else "There is no answer.")
    if answer.text or isinstance(answer.usage, Usage):
        narrate(f"{_tokens(answer)} · {_cost(answer)} · {span(answer.seconds)} · {one_line(answer.model, 80)}")
    for note in answer.notes:
        narrate(f"· {note}")


def _tokens(answer: Answer) -> str:
    if isinstance(answer.usage, Usage):
        return f"{number(answer.usage.input_tokens)} tokens in, {number(answer.usage.output_tokens)} out"
    return f"{number(answer.counted_tokens)} tokens in by our count ({answer.counter}); billed: {answer.usage}"


def _cost(answer: Answer) -> str:
    if isinstance(answer.cost, Decimal) and isinstance(answer.price, Price):
        return f"{dollars(answer.cost)} (price of {answer.price.as_of})"
    return "cost unknown"


def _plain(out: Console, words: str) -> None:
    out.print(Text(words), soft_wrap=True)
