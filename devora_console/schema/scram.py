"""A password as PostgreSQL stores it, computed here: the server and its log never see the password itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stringprep
import unicodedata

from devora_console.config.secret import Secret

ITERATIONS = 4096
"""What PostgreSQL itself uses (scram_iterations)."""


def scram_verifier(password: Secret, salt: bytes | None = None) -> Secret:
    """``SCRAM-SHA-256$4096:salt$stored:server`` for ALTER ROLE ... PASSWORD (RFC 5803)."""
    salt = salt if salt is not None else os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password.reveal()), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return Secret(f"SCRAM-SHA-256${ITERATIONS}:{salt64}${stored64}:{server64}")


def _prepared(password: str) -> bytes:
    """SASLprep as PostgreSQL does it: a password that it refuses is taken as it is."""
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char for char in password if not stringprep.in_table_b1(char)
    )
    normal = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if not normal or any(_prohibited(char) for char in normal):
        return password.encode()
    right_to_left = [stringprep.in_table_d1(char) for char in normal]
    if any(right_to_left) and (
        any(stringprep.in_table_d2(char) for char in normal) or not (right_to_left[0] and right_to_left[-1])
    ):
        return password.encode()
    return normal.encode()


def _prohibited(char: str) -> bool:
    tables = (
        stringprep.in_table_a1,
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    return any(table(char) for table in tables)
