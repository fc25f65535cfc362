"""Sessions, as Devora signs them: a JWT (HS256) that holds the application's own id of the user."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

_DAYS = 30
_HEADER = {"alg": "HS256", "typ": "JWT"}


def mint(secret: str, user: str) -> str:
    """A token for the user's application id."""
    now = int(time.time())
    head, claims = _coded(_HEADER), _coded({"sub": user, "iat": now, "exp": now + _DAYS * 86_400})
    return f"{head}.{claims}.{_signature(secret, f'{head}.{claims}')}"


def holder(secret: str, token: str) -> str | None:
    """Whose token it is; None when it is not ours or too old."""
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(secret, signed).encode()):
        return None
    try:
        part = signed.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return str(claims["sub"]) if claims["exp"] > time.time() else None
    except (ValueError, KeyError, IndexError, TypeError):
        return None


def _coded(data: object) -> str:
    return _plain(json.dumps(data, separators=(",", ":")).encode())


def _signature(secret: str, signed: str) -> str:
    return _plain(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())


def _plain(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
