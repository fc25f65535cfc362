"""The work of one ask: analyse, run the legs at the same time, fuse, describe. The playground and the API share it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from devora_console.config.searching import SearchSettings
from devora_console.core.clock import utc_now
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.plans import Plan
from devora_console.postgres.plans.lexer import tokens
from devora_console.search.asking import FAILURES, Caller, Pool, Question, asking, fetch, refusal
from devora_console.search.details import Standing, described
from devora_console.search.embed.provider import Embedder, Vector
from devora_console.search.embed.refusals import EmbeddingRefused
from devora_console.search.fusion import Ranked, fuse
from devora_console.search.ground import Ground, look
from devora_console.search.legs import fulltext, semantic, trigram
from devora_console.search.model import (
    LEGS,
    Analysed,
    Asked,
    Isolation,
    Method,
    MethodAnswer,
    SearchSnapshot,
)
from devora_console.search.query import analyse
