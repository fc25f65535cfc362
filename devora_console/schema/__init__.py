"""The target schema: numbered versions with a way up and a way down, and the state of a database."""

from __future__ import annotations

from devora_console.schema.apply import ApplyResult, apply
from devora_console.schema.bootstrap import BootstrapResult, bootstrap
from devora_console.schema.bootstrap_script import bootstrap_sql
from devora_console.schema.catalogue import accept
from devora_console.schema.check import CheckResult, check
from devora_console.schema.drift import Drift
from devora_console.schema.preflight import Finding, Preflight, Waiting, preflight
from devora_console.schema.rollback import Dropped, RollbackResult, rollback, rollback_preview
from devora_console.schema.script import script
from devora_console.schema.status import Count, Status, VersionState, status
from devora_console.schema.versions import LATEST, Version, versions

__all__ = [
    "LATEST",
    "ApplyResult",
    "BootstrapResult",
    "CheckResult",
    "Count",
    "Drift",
    "Dropped",
    "Finding",
    "Preflight",
    "RollbackResult",
    "Status",
    "Version",
    "VersionState",
    "Waiting",
    "accept",
    "apply",
    "bootstrap",
    "bootstrap_sql",
    "check",
    "preflight",
    "rollback",
    "rollback_preview",
    "script",
    "status",
    "versions",
]
