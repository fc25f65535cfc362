"""Search over projects, conversations, messages and files: methods side by side, judged, and as an API.

What Devora's backend imports is here. It is loaded on first use: importing this package loads neither numpy nor openai.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devora_console.search.embed.service import EmbeddingResult, EmbeddingService, get_embedding_service
    from devora_console.search.model import SearchResult, SearchResults, SearchType
    from devora_console.search.rag.pipeline import RagPipeline, get_rag_pipeline
    from devora_console.search.service import SearchFailed, SearchService, get_search_service

_HOMES = {
    "EmbeddingResult": "embed.service",
    "EmbeddingService": "embed.service",
    "get_embedding_service": "embed.service",
    "SearchType": "model",
    "SearchResult": "model",
    "SearchResults": "model",
    "SearchFailed": "service",
    "SearchService": "service",
    "get_search_service": "service",
    "RagPipeline": "rag.pipeline",
    "get_rag_pipeline": "rag.pipeline",
}

__all__ = [
    "EmbeddingResult",
    "EmbeddingService",
    "RagPipeline",
    "SearchFailed",
    "SearchResult",
    "SearchResults",
    "SearchService",
    "SearchType",
    "get_embedding_service",
    "get_rag_pipeline",
    "get_search_service",
]


def __getattr__(name: str) -> Any:
    """Import what was asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
