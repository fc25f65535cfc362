"""A RAG prompt before it is sent: its budget, what went in, what was cut or left out and why; and the answer. Pure."""

from __future__ import annotations

from decimal import Decimal

from rich.text import Text

from devora_console.core.clock import span
from devora_console.core.unknown import Unknown
from devora_console.search.rag.model import Answer, AnswerState, Context, RagResponse, Usage
from devora_console.search.rag.price import dollars
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import plural, share, whole
from devora_console.tui.render.search_words import why

_MOST = 200_000
_WIDE = 100
_ENDS = {
    AnswerState.RUNNING: "… answering; Esc stops it",
    AnswerState.COMPLETE: "✓ complete",
    AnswerState.DECLINED: "! the model declined to answer",
    AnswerState.CUT_OFF: "! cut off: the answer is not whole",
    AnswerState.CANCELLED: "‖ stopped: the answer is not whole",
    AnswerState.FAILED: "✗ failed: the answer is not whole",
    AnswerState.BROKEN: "✗ broken off: the answer is not whole",
}
_SIGNS = str.maketrans({"✓": "+", "✗": "x", "‖": "=", "…": "~"})


def prompt_headline(response: RagResponse | None, answer: Answer | None, look: Look) -> str:
    """How the prompt or the answer stands."""
    if response is None:
        return look.plain("Making the prompt …")
    if answer is not None:
        return f"Answer {_end(answer.state, look)}."
    if response.problem is not None:
        return f"The prompt is not what it should be: {why(response.problem, look)}"
    tokens = response.tokens
    return (
        f"{plural(response.total_contexts, 'text')} in the prompt, {len(response.left_out)} left out; "
        f"{whole(tokens.added)} of {whole(tokens.budget)} tokens. No model was asked: A asks it."
    )


def _end(state: AnswerState, look: Look) -> str:
    words = _ENDS[state]
    return words if look.unicode else words.translate(_SIGNS)


def prompt_text(
    prompt: str, response: RagResponse, answer: Answer | None, look: Look, width: int = 120, talk: str = ""
) -> Text:
    """The answer first where there is one, then how the prompt came to be, then the prompt as it is sent."""
    out = Text(end="")
    if answer is not None:
        _answer(out, answer, response, look)
    _budget(out, response, look, talk)
    name = 40 if width >= _WIDE else 24
    _contexts(out, response, look, name)
    _left_out(out, response, look, name)
    for note in response.notes:
        out.append(look.plain(f"· {look.text(note, 400)}\n"), style=look.muted)
    out.append("\nthe prompt, exactly as it is sent\n", style="bold")
    out.append(look.lines(prompt, _MOST))
    return out


def _budget(out: Text, response: RagResponse, look: Look, talk: str) -> None:
    tokens = response.tokens
    whose = f"as user {look.text(response.as_user, 40)}" if response.as_user else "as owner: everybody's documents"
    found = look.text(response.method, 80) or "nothing was searched for"
    out.append(look.plain(f"{found} · {whose} · {response.retrieval_time_ms:.0f} ms\n"))
    out.append("tokens  ", style="bold")
    parts = (
        ("instructions", tokens.frame),
        ("conversation", tokens.conversation),
        ("texts", tokens.contexts),
        ("kept free", tokens.reserve),
    )
    spent = look.plain(" · ").join(f"{name} {whole(count)}" for name, count in parts)
    out.append(
        look.plain(f"{whole(tokens.added)} of {whole(tokens.budget)} ({share(tokens.added, tokens.budget)}): {spent}\n")
    )
    if response.turns or talk:
        cut = sum(each.cut for each in response.turns)
        turns = plural(len(response.turns), "turn") + (f", {cut} of them cut" if cut else "")
        out.append(look.plain(f"goes on with {look.text(talk, 80) or 'a conversation'}: {turns}\n"))
    counted = f"prompt with the question {whole(tokens.prompt)} · counted by {look.text(tokens.counter, 80)}\n"
    out.append(look.plain(counted), style=look.muted)


def _contexts(out: Text, response: RagResponse, look: Look, width: int) -> None:
    if not response.contexts:
        out.append("\nNo text that was found is in the prompt.\n")
        return
    out.append("\nin the prompt\n", style="bold")
    for each in response.contexts:
        title = look.fit(look.text(each.title, 120) or look.text(each.entity_id, 40), width)
        out.append(
            look.plain(
                f" [{each.citation.number}] {each.entity_type:<13}{title:<{width}} {whole(each.tokens):>5} tokens"
            )
        )
        out.append(look.plain(f"  {_taken(each)}\n"), style=look.warn if each.cut or each.neutralised else look.muted)


def _taken(context: Context) -> str:
    words = "whole"
    if context.cut:
        words = f"cut: {whole(context.characters)} of {whole(context.whole_characters)} characters"
    if context.citation.also:
        words += f", stands for {len(context.citation.also)} more"
    if context.neutralised:
        words += f", {plural(context.neutralised, 'sign')} neutralised"
    return words


def _left_out(out: Text, response: RagResponse, look: Look, width: int) -> None:
    if not response.left_out:
        return
    out.append("\nleft out\n", style="bold")
    for each in response.left_out:
        title = look.fit(look.text(each.title, 120) or look.text(each.entity_id, 40), width)
        out.append(look.plain(f"     {each.entity_type:<13}{title:<{width}} {each.reason}"))
        out.append(look.plain(f"  {look.text(each.about, 200)}\n"), style=look.muted)


def _answer(out: Text, answer: Answer, response: RagResponse, look: Look) -> None:
    bad = answer.state in (AnswerState.FAILED, AnswerState.BROKEN)
    out.append(_end(answer.state, look), style=f"bold {look.fail}" if bad else "bold")
    out.append(
        look.plain(f" · {look.text(answer.model, 60)} · {span(answer.seconds)} · {_cost(answer)}\n"), style=look.muted
    )
    if answer.problem is not None:
        out.append(why(answer.problem, look) + "\n", style=look.warn)
    out.append(look.lines(answer.text, _MOST) if answer.text else "Nothing has come yet." if not bad else "")
    out.append("\n")
    by_number = {each.number: each for each in response.citations}
    for number in answer.cited:
        cited = by_number[number]
        out.append(
            look.plain(
                f"[{number}] {cited.entity_type} {look.text(cited.title, 80)} ({look.text(cited.entity_id, 40)})\n"
            )
        )
    for note in answer.notes:
        out.append(look.plain(f"· {look.text(note, 300)}\n"), style=look.muted)
    out.append("\n")


def _cost(answer: Answer) -> str:
    usage = answer.usage
    tokens = (
        f"{whole(usage.input_tokens)} tokens in, {whole(usage.output_tokens)} out"
        if isinstance(usage, Usage)
        else f"{whole(answer.counted_tokens)} tokens in by our count, billed ?"
    )
    if isinstance(answer.cost, Decimal) and not isinstance(answer.price, Unknown):
        return f"{tokens}, {dollars(answer.cost)} (price of {answer.price.as_of})"
    return f"{tokens}, cost ?" if isinstance(answer.cost, Unknown) else tokens
