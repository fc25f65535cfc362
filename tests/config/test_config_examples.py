"""The examples in the documentation of the configuration's modules hold."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from devora_console import config

MODULES = [module.name for module in pkgutil.iter_modules(config.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(f"devora_console.config.{name}"))
    assert failed == 0
