"""Imported by the process that commands are forked from: the tokenizer is then there already."""

from devora_console.search.embed.tokens import counter_for

COUNTER = counter_for("gpt-4.1-mini")
