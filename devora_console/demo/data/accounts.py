"""Users and their invoices."""

from __future__ import annotations

import random
import string
import unicodedata
from datetime import datetime, timedelta
from typing import Any

from bson.int64 import Int64

from devora_console.demo.data import hostile, ids
from devora_console.demo.data.anomalies import MIGRATED
from devora_console.demo.data.plan import ADMIN, Plan
from devora_console.demo.data.texts import banks

Document = dict[str, Any]

_ALNUM = string.ascii_letters + string.digits
_BCRYPT = "./" + _ALNUM
_STATUSES = ("inactive", "active", "trialing", "past_due", "canceled")
_STATUS_WEIGHTS = (45, 35, 8, 5, 7)
_STRIPE_ONLY = ("incomplete", "incomplete_expired", "unpaid", "paused")
_AMOUNTS = (9.9, 9.9, 9.9, 9.9, 19.8, 99.0, 4.95, 0.0)
_NOISY = (29.700000000000003, 0.30000000000000004, 69.30000000000001)
_INVOICE_STATUSES = ("paid", "open", "void", "uncollectible")


def token(rng: random.Random, prefix: str, length: int, alphabet: str = _ALNUM) -> str:
    """A made-up identifier or key: ``prefix`` and ``length`` random characters."""
    return prefix + "".join(rng.choices(alphabet, k=length))


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in plain if c.isascii() and c.isalnum())


def _person(plan: Plan, index: int) -> tuple[str, str]:
    """Full name and email address of user ``index``; no two users share an address, whatever its case."""
    rng = ids.stream(plan.seed, "person", index)
    words = banks().words
    first, last = rng.choice(words["first_names"]), rng.choice(words["last_names"])
    separator = rng.choice((".", "-", "_", ""))
    local = f"{_ascii(first)}{separator}{_ascii(last)}{index}"
    return f"{first} {last}", f"{local}@{rng.choice(words['mail_domains'])}"


def user(plan: Plan, index: int) -> Document:
    """User ``index`` as registration, billing webhooks and profile edits leave it."""
    rng = ids.stream(plan.seed, "user", index)
    at = plan.at("users", index)
    name, email = _person(plan, index)
    status = rng.choices(_STATUSES, _STATUS_WEIGHTS)[0]
    paying = status in ("active", "trialing", "past_due")
    billed = paying or status == "canceled" or rng.random() < 0.3
    period_end = at + timedelta(days=30 * rng.randrange(1, 5), seconds=rng.randrange(86_400))
    document: Document = {
        "_id": plan.object_id("users", index),
        "id": plan.entity_id("users", index),
        "email": email,
        "hashed_password": token(rng, "$2b$12$", 53, _BCRYPT),
        "full_name": name if rng.random() < 0.85 else None,
        "is_active": rng.random() < 0.96,
        "is_admin": index == ADMIN,
        "stripe_customer_id": token(rng, "cus_", 14) if billed else None,
        "subscription_status": status,
        "subscription_id": token(rng, "sub_1", 23) if paying else None,
        "current_period_end": ids.iso_text(period_end) if paying else None,
        "created_at": ids.iso_text(at),
        "updated_at": ids.iso_text(at + timedelta(microseconds=rng.randrange(18 * 86_400_000_000))),
    }
    _spoil_user(plan, index, document)
    return document


def _spoil_user(plan: Plan, index: int, document: Document) -> None:
    at, rank = plan.at("users", index), plan.rank("users", index)
    match plan.anomaly("users", index):
        case "email_case_variant":
            # The same address typed with capitals, years after the first registration.
            document["email"] = _person(plan, plan.twins[index])[1].title()
        case "status_stripe_outside":
            document["subscription_status"] = _STRIPE_ONLY[rank % len(_STRIPE_ONLY)]
        case "status_unknown":
            document["subscription_status"] = "legacy_beta"
        case "is_admin_missing":
            del document["is_admin"]
        case "created_at_missing":
            del document["created_at"]
        case "updated_at_missing":
            del document["updated_at"]
        case "created_at_bson_date":
            document["created_at"] = ids.bson_date(at)
        case "created_at_naive":
            document["created_at"] = ids.naive_text(at)
        case "created_at_offset":
            document["created_at"] = ids.offset_text(at)
        case "extra_fields":
            document |= _extra(rank, document, plan.later + ids.FIRST_DAY)
        case "hostile_name":
            document["full_name"] = hostile.NAMES[rank % len(hostile.NAMES)]


def _extra(rank: int, document: Document, begun: datetime) -> Document:
    """Fields that only some releases wrote and no table has a column for."""
    kinds: tuple[Document, ...] = (
        {"utm_source": "infolettre", "utm_campaign": "rentrée 2024"},
        {
            "preferences": {
                "theme": "sombre",
                "langue": "fr",
                "notifications": {"courriel": True, "push": None},
            }
        },
        {
            "onboarding": {
                "etapes": ["profil", "premier projet"],
                "termine_le": ids.bson_date(begun),
            }
        },
        {"dernier.ecran": "/tarifs", "compteur": Int64(2**53 + 1)},
        {"parrain": document["_id"], "score": 12.5, "avatar": b"\x89PNG\r\n\x1a\n\x00"},
    )
    return kinds[rank % len(kinds)]


def _payer(plan: Plan, index: int) -> int:
    known = plan.users_by(index / plan.sizes.invoices)
    for attempt in range(8):
        chosen = int(ids.fraction(plan.seed, f"payer.{attempt}", index) * known)
        if plan.fate("users", chosen) == MIGRATED:
            return chosen
    return ADMIN


def invoice(plan: Plan, index: int) -> Document:
    """Invoice ``index`` as the ``invoice.paid`` webhook writes it."""
    again = plan.anomaly("invoices", index) == "redelivered"
    # A redelivered event repeats everything but the identity and the time of the document before it.
    source = index - 1 if again else index
    rng = ids.stream(plan.seed, "invoice", source)
    at = plan.at("invoices", index)
    stripe_id = token(rng, "in_1", 23)
    document: Document = {
        "_id": plan.object_id("invoices", index),
        "id": plan.entity_id("invoices", index),
        "user_id": plan.entity_id("users", _payer(plan, source)),
        "stripe_invoice_id": stripe_id,
        "amount": rng.choice(_AMOUNTS),
        "currency": "eur",
        "status": rng.choices(_INVOICE_STATUSES, (88, 6, 3, 3))[0],
        "invoice_pdf": f"https://billing.example.com/i/{stripe_id}/pdf" if rng.random() < 0.8 else None,
        "created_at": ids.iso_text(at),
    }
    _spoil_invoice(plan, index, document)
    return document


def _spoil_invoice(plan: Plan, index: int, document: Document) -> None:
    rank = plan.rank("invoices", index)
    match plan.anomaly("invoices", index):
        case "float_noise":
            document["amount"] = _NOISY[rank % len(_NOISY)]
        case "amount_text":
            document["amount"] = "9.90"
        case "negative":
            document["amount"] = -9.9
        case "currency_too_long":
            document["currency"] = "euros"
        case "orphan_user":
            document["user_id"] = plan.entity_id("deleted users of invoices", index)
