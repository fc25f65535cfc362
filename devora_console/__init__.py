"""Devora Console: migrate Devora from MongoDB to PostgreSQL, and operate what results."""

from importlib.metadata import version as _version

__all__ = ["__version__"]

__version__: str = _version("devora-console")
