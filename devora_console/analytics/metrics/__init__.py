"""Business metrics: users, revenue, engagement and performance, told from materialised views that say how old they are.

Each definition is written down once, in :mod:`.definitions`, beside the SQL file that its figure comes from.
"""

from __future__ import annotations

from devora_console.analytics.metrics.model import Report
from devora_console.analytics.metrics.service import MetricsService, get_metrics_service, plain, read

__all__ = ["MetricsService", "Report", "get_metrics_service", "plain", "read"]
