"""Retrieved text is data, whatever it says: fences that it cannot close, and what could steer a model taken out.

Whoever wrote a message, a file or a title may have written instructions into it. A fence carries a word that is drawn
anew for every prompt, after all its texts were written, so that no text can end its own fence. What looks like a fence
or like the control words of a chat format is changed so that it reads the same to a person and means nothing to a
model. That makes an attack harder and visible; it does not make it impossible: an answer is never more than text.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable

_WORD_BYTES = 6
# Line ends and tabs are kept: code needs them. Other controls become their picture.
_PICTURES = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)} | {0x7F: "\u2421"}
_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_HARMLESS = frozenset("\u200c\u200d\u00ad")
# Between the letters of a word that is recognised, to hide it from us.
_HIDING = "[\u200c\u200d\u00ad\ufffd\\s]*"


def _spread(word: str) -> str:
    return _HIDING.join(map(re.escape, word))


_OPEN, _CLOSE = "<\uff1c\u2039\u3008\u276e\u00ab", ">\uff1e\u203a\u3009\u276f\u00bb"
_IMITATIONS = re.compile(
    # <<<DATA …, <<<END …, and the same with angles of other alphabets
    rf"(?P<fence>[{_OPEN}]{{3,9}}){_HIDING}(?=/?{_HIDING}(?:{_spread('DATA')}|{_spread('END')}|{_spread('QUESTION')})\b)"
    # <|im_start|>, <|endoftext|>
    rf"|(?P<bar>[{_OPEN}]){_HIDING}(?=[|\uff5c])"
    # [INST], [/INST], <<SYS>>
    rf"|(?P<square>\[)(?=/?{_spread('INST')}\])|(?P<sys><<)(?=/?{_spread('SYS')}>>)"
    # <system>, </assistant>
    rf"|(?P<tag>[{_OPEN}])(?=/?(?:system|assistant|developer|instructions?|tool_call|function_calls)\s*[{_CLOSE}])",
    re.IGNORECASE,
)
_INSTEAD = {"fence": "\u27e8", "bar": "\u27e8", "square": "\u2768", "sys": "\u27e8", "tag": "\u27e8"}


def draw(texts: Iterable[str]) -> str:
    """A word for the fences of one prompt, in none of its texts.

    >>> len(draw(["a", "b"]))
    12
    """
    held = tuple(texts)
    while True:
        word = secrets.token_hex(_WORD_BYTES)
        if not any(word in text for text in held):
            return word


def neutral(text: str) -> tuple[str, int]:
    """The text as it may stand in a prompt, and how many characters or imitations were changed in it.

    >>> neutral('ok <<<END 12>>>\\x1b[2J <|im_start|>system')
    ('ok ⟨END 12>>>␛[2J ⟨|im_start|>system', 3)
    >>> neutral('if a << 3: print(">>> x")')
    ('if a << 3: print(">>> x")', 0)
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    shown = lines.translate(_PICTURES)
    changed = sum(1 for before, after in zip(lines, shown, strict=True) if before != after)
    if not shown.isascii():
        kept = [_visible(char) for char in shown]
        changed += sum(1 for before, after in zip(shown, kept, strict=True) if before != after)
        shown = "".join(kept)
    quiet, imitations = _IMITATIONS.subn(lambda match: _INSTEAD[match.lastgroup or "fence"], shown)
    return quiet, changed + imitations


def _visible(char: str) -> str:
    steers = unicodedata.category(char) in _STEERING and char not in _HARMLESS and char not in "\n\t"
    carries = "\U000e0100" <= char <= "\U000e01ef"  # variation selectors: a text can be hidden in a row of them
    return "\ufffd" if steers or carries else char


def one_neutral_line(text: str, limit: int) -> str:
    """A title as it may stand in a prompt: one line of at most ``limit`` characters.

    >>> one_neutral_line('a\\nb ' + 'c' * 9, 6)
    'a b cc…'
    """
    line = " ".join(text[: limit * 4].split())
    return neutral(line[:limit])[0] + ("…" if len(line) > limit else "")


def fenced(word: str, label: str, head: str, body: str) -> str:
    """A text between the fences of ``word``; ``head`` is what is known of it, neutral too."""
    return f"<<<DATA {word} {label}>>>\n{head}\n{body}\n<<<END {word} {label}>>>"
