"""Plans of statements: how to get one without harm, what each node takes, and which is hot."""

from devora_console.postgres.plans.lookup import Found, Missing, find_text
from devora_console.postgres.plans.read import Author, explain
from devora_console.postgres.plans.snapshot import Plan

__all__ = ["Author", "Found", "Missing", "Plan", "explain", "find_text"]
