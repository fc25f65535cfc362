"""Search over projects, conversations, messages and files: methods side by side, judged, and as an API.

What Devora's backend imports is here. It is loaded on first use: importing this package loads neither numpy nor openai.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devora_console.search.model import SearchResult, SearchResults, SearchType
    from devora_console.search.rag.pipeline import get_rag_pipeline

_HOMES = {
    "SearchType": "model",
    "SearchResult": "model",
    "SearchResults": "model",
    "get_rag_pipeline": "rag.pipeline",
}

__all__ = ["SearchResult", "SearchResults", "SearchType", "get_rag_pipeline"]


def __getattr__(name: str) -> Any:
    """Import what was asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
