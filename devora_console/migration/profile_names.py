"""Names and values that must not be shown, and names that are data themselves.

Whether a value may be shown is asked three times: of the mapping (its secrets), of the field's name, and of the value
itself. One no is enough.
"""

from __future__ import annotations

import re

from devora_console.config.redact import is_sensitive

# The longest value that may be shown; longer ones are texts, not marks.
LONGEST_SHOWN = 40

_PRIVATE = re.compile(
    r"(?i)hash|salt|bearer|cookie|nonce|private|signature|cipher|crypt|verifier|certificate"
    r"|mail|phone|mobile|address|birth|card|account_?n|passport|street|postal"
    r"|(?:first|last|full|user|sur|nick|given|family|maiden|display)_?name"
    r"|(?:^|[_.\-])(?:auth|authorization|session|session_?id|code|pin|pw|otp|totp|seed|jwt|sid|csrf|xsrf|iv|tel|ip|iban"
    r"|bic|ssn|vat|siret|siren|dob|zip|city|lat|lng|lon|login|keys?)(?:$|[_.\-])"
    r"|(?-i:[a-z](?:Keys?|Auth|Pin|Ip|Session|Jwt|Sid)(?:$|[A-Z_]))"
)
_UUID = r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"
_MIXED = r"(?=(?:\D*\d){3})(?=(?:[^A-Za-z]*[A-Za-z]){3})"  # three digits and three letters in what follows
_WORDS = re.compile(r"(?:[A-Za-z][a-z]{0,15}|[A-Z]{1,16})(?:[._\-:/](?:[A-Za-z][a-z]{0,15}|[A-Z]{1,16}))*", re.ASCII)
_TOKEN = re.compile(rf"\+?[\d .\-]{{5,}}|{_UUID}|[0-9a-fA-F]{{16,}}|.{{24,}}|{_MIXED}.{{16,}}", re.ASCII | re.DOTALL)
# What services put before their keys, and libraries before a password's hash.
_PREFIXED = re.compile(r"(?:sk|pk|rk|gh[a-z]|whsec|xox[a-z]|glpat|SG|ya29)[_.\-]|AKIA|ASIA|eyJ|\$\w{1,10}\$", re.ASCII)
# White space: a sentence, a street, a name. '@': an address. Neither is what a program chooses among.
_MARK = re.compile(r"[^\s@]+")
_DATA_NAME = re.compile(
    rf"\+?\d[\d .:\-/TZ]*|{_UUID}|[0-9a-fA-F]{{16,}}|{_MIXED}[\w\-+/.=]{{20,}}|.*@.*|\*", re.ASCII | re.DOTALL
)
_LONGEST_NAME = 64


def is_private(name: str) -> bool:
    """Whether values of a field of this name are kept to themselves: credentials, and what tells who somebody is.

    >>> [is_private(name) for name in ('hashed_password', 'apiKey', 'e_mail', 'auth', 'status', 'author_id')]
    [True, True, True, True, False, False]
    """
    return is_sensitive(name) or _PRIVATE.search(name) is not None


def may_be_shown(value: str) -> bool:
    """Whether a value looks like one of a program's own marks, not like a text, an address or a token.

    >>> [may_be_shown(value) for value in ('paid', 'customer.subscription.updated', 'payé', 'v2')]
    [True, True, True, True]
    >>> [may_be_shown(value) for value in ('a@b.c', 'Ana Petit', 'sk_live_1', 'eyJhbGciOi', '$2b$12$x', '+33612345678')]
    [False, False, False, False, False, False]
    """
    if len(value) > LONGEST_SHOWN or _MARK.fullmatch(value) is None or _PREFIXED.match(value):
        return False
    return _WORDS.fullmatch(value) is not None or _TOKEN.fullmatch(value) is None


def is_data(name: str) -> bool:
    """Whether a field name is data: a document used as a map, under a number, date, address, id or token.

    >>> [is_data(name) for name in ('2024-05-01', 'ana@example.org', '42', '65f1a49fac043db1ba113342', 'address2')]
    [True, True, True, True, False]
    """
    return len(name) > _LONGEST_NAME or _DATA_NAME.fullmatch(name) is not None
