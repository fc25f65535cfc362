"""What is in the way of working: checks with remedies, and the overview, put together from the domains."""

from __future__ import annotations

from devora_console.doctor.check import Check, overall
from devora_console.doctor.examine import examine
from devora_console.doctor.overview import Known, overview

__all__ = ["Check", "Known", "examine", "overall", "overview"]
