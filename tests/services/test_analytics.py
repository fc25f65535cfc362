"""What the analytics screen's side does when a look fails in a way that nobody thought of."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from devora_console.config.settings import Settings
from devora_console.core.problems import Problem
from devora_console.services.analytics import Analytics
from devora_console.services.observing import Observing


async def test_a_look_that_fails_does_not_end_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter((ZeroDivisionError(), "seen"))
    looked = asyncio.Event()

    async def look_at(kind: str) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    found = Analytics(Settings(), cast("Observing", None), lambda kind: looked.set())
    monkeypatch.setattr(found, "_look_at", look_at)
    found.start()
    try:
        await asyncio.wait_for(looked.wait(), 10)
        assert isinstance(found.delivery, Problem)
        looked.clear()
        found._hasten("delivery")
        await asyncio.wait_for(looked.wait(), 10)
        assert cast("object", found.delivery) == "seen"
    finally:
        await found.stop()
