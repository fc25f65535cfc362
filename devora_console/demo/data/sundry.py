"""The singletons and the collections that no table of the target takes."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from devora_console.demo.data import ids
from devora_console.demo.data.accounts import token
from devora_console.demo.data.code import project_files
from devora_console.demo.data.dialogue import draw_subject
from devora_console.demo.data.plan import ADMIN, Plan

Document = dict[str, Any]
_HEX = "0123456789abcdef"
_COMMENTS = (
    "Très bon point de départ, merci !", "Il manque la version mobile.", "Parfait pour démarrer 🚀", None,
    "Un peu lourd, mais bien documenté.", "J'ai dû corriger les accents dans le pied de page.",
)  # fmt: skip
_EVENTS = (
    "invoice.paid", "invoice.payment_failed", "customer.subscription.updated",
    "customer.subscription.deleted", "checkout.session.completed",
)  # fmt: skip
_COMMITS = (
    "Ajoute la page de paiement", "Corrige le calcul de la TVA", "Première version",
    "Met à jour les dépendances", "Répare l'affichage sous Safari", "Ajoute les tests de connexion",
    "Traduit les libellés en anglais", "Réduit la taille des images", "Supprime le code mort",
)  # fmt: skip


def settings(plan: Plan, index: int) -> Document:
    """The one settings document of the application: everybody's keys, in clear and without an owner."""
    rng = ids.stream(plan.seed, "settings", index)
    at = plan.at("settings", index)
    return {
        "_id": plan.object_id("settings", index),
        "id": plan.entity_id("settings", index),
        "openrouter_api_key": token(rng, "sk-or-v1-", 64, _HEX),
        "github_token": token(rng, "ghp_", 36),
        "vercel_token": token(rng, "", 24),
        "created_at": ids.iso_text(at),
        "updated_at": ids.iso_text(at + timedelta(days=9, microseconds=rng.randrange(10**9))),
    }


def system_config(plan: Plan, index: int) -> Document:
    """The one configuration document, last edited by the administrator."""
    rng = ids.stream(plan.seed, "system_config", index)
    at = plan.at("system_config", index)
    return {
        "_id": plan.object_id("system_config", index),
        "id": "system_config",
        "stripe_api_key": token(rng, "sk_test_51", 97),
        "stripe_webhook_secret": token(rng, "whsec_", 32),
        "stripe_test_mode": True,
        "resend_api_key": token(rng, "re_", 33),
        "resend_from_email": "noreply@example.com",
        "subscription_price": 9.9,
        "free_trial_days": 7,
        "max_failed_payments": 3,
        "updated_at": ids.iso_text(at),
        "updated_by": plan.entity_id("users", ADMIN),
    }


def _someone(plan: Plan, rng: random.Random, kind: str = "users") -> str:
    return plan.entity_id(kind, rng.randrange(plan.sizes.of(kind)))


def _template(plan: Plan, rng: random.Random, at: datetime) -> Document:
    subject = draw_subject(rng)
    return {
        "name": subject.context["titre"],
        "description": rng.choice(subject.topics[0].descriptions).fill(subject.context),
        "category": subject.kind,
        "tags": [topic.key for topic in subject.topics],
        "files": project_files(rng, subject, rng.randrange(1, 4)),
        "price": rng.choice((0.0, 0.0, 4.9, 19.0)),
        "author_id": _someone(plan, rng),
        "downloads": rng.randrange(400),
        "is_public": rng.random() < 0.8,
        "updated_at": ids.iso_text(at + timedelta(days=rng.randrange(1, 18))),
    }


def _rating(plan: Plan, rng: random.Random, _at: datetime) -> Document:
    return {
        "template_id": _someone(plan, rng, "templates"),
        "user_id": _someone(plan, rng),
        "rating": rng.randrange(1, 6),
        "comment": rng.choice(_COMMENTS),
    }


def _download(plan: Plan, rng: random.Random, _at: datetime) -> Document:
    return {"template_id": _someone(plan, rng, "templates"), "user_id": _someone(plan, rng)}


def _purchase(plan: Plan, rng: random.Random, _at: datetime) -> Document:
    return {
        "template_id": _someone(plan, rng, "templates"),
        "user_id": _someone(plan, rng),
        "amount": rng.choice((4.9, 19.0)),
        "currency": "eur",
        "stripe_session_id": token(rng, "cs_test_", 58),
    }


def _webhook(_plan: Plan, rng: random.Random, at: datetime) -> Document:
    return {
        "event_id": token(rng, "evt_1", 23),
        "type": rng.choice(_EVENTS),
        "processed_at": ids.iso_text(at),
    }


def _oauth_state(plan: Plan, rng: random.Random, at: datetime) -> Document:
    return {
        "state": token(rng, "", 43),
        "provider": rng.choice(("google", "github")),
        "user_id": _someone(plan, rng) if rng.random() < 0.4 else None,
        "expires_at": ids.bson_date(at + timedelta(minutes=10)),
    }


def _commit(plan: Plan, rng: random.Random, _at: datetime) -> Document:
    return {
        "project_id": _someone(plan, rng, "projects"),
        "sha": token(rng, "", 40, _HEX),
        "message": rng.choice(_COMMITS),
    }


_BODIES: dict[str, Callable[[Plan, random.Random, datetime], Document]] = {
    "templates": _template,
    "template_ratings": _rating,
    "template_downloads": _download,
    "template_purchases": _purchase,
    "processed_webhooks": _webhook,
    "oauth_states": _oauth_state,
    "commits": _commit,
}


def archived(plan: Plan, collection: str, index: int) -> Document:
    """Document ``index`` of one of the archived collections other than ``settings``."""
    at = plan.at(collection, index)
    document: Document = {
        "_id": plan.object_id(collection, index),
        "id": plan.entity_id(collection, index),
        **_BODIES[collection](plan, ids.stream(plan.seed, collection, index), at),
    }
    if collection != "processed_webhooks":
        document["created_at"] = ids.iso_text(at)
    return document
