"""``analytics metrics`` and ``analytics refresh``: what the business can be told, and telling it anew."""

from __future__ import annotations

import click
from rich.console import Console
from rich.text import Text

from devora_console.analytics.metrics import read
from devora_console.analytics.metrics.definitions import DEFINITIONS
from devora_console.analytics.metrics.model import Report
from devora_console.analytics.metrics.refresh import refresh as refresh_views
from devora_console.analytics.metrics.service import DAYS
from devora_console.cli.analytics_command import command as group
from devora_console.cli.analytics_metrics_view import show, show_definitions
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.schema_command import database_of, on_target
from devora_console.cli.visiting import as_guest
from devora_console.core.guard import Act
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown


@door_command(group, "metrics")
@click.option("--explain", is_flag=True, help="What each figure means, its window, and the SQL file it comes from.")
@click.option("--sql", is_flag=True, help="With --explain: the text of those files too.")
@click.option(
    "--days", type=click.IntRange(1, 366), default=DAYS, show_default=True, metavar="N", help="Days of the trends."
)
def metrics(door: Door, explain: bool, sql: bool, days: int) -> Answer:
    """Users, revenue, engagement and performance, as they were last refreshed; changes nothing.

    A figure that nothing measures is '?', with the reason. Days are those of UTC. Needs the owner's login, or a member
    of admin_role or metrics_role.
    """
    settings = door.effective.settings.metrics
    found = as_guest(door, "metrics", lambda guest: read(guest, settings, days))

    def people(out: Console) -> None:
        show(out, found)
        if explain:
            show_definitions(out, with_sql=sql)

    return Answer(_keys(found, explain=explain), people, problems=_problems(found))


def _keys(found: Report, *, explain: bool) -> dict[str, object]:
    told = found.dashboard
    keys: dict[str, object] = {
        "users": told.user_metrics,
        "revenue": told.revenue_metrics,
        "engagement": told.engagement_metrics,
        "performance": told.performance_metrics,
        "trends": found.trends,
        "cohorts": found.cohorts,
        "freshness": told.freshness,
        "notes": told.notes,
    }
    if explain:
        keys["definitions"] = [
            {
                "section": each.section,
                "name": each.name,
                "meaning": each.meaning,
                "unit": each.unit,
                "window": each.window,
                "unknown_when": each.unknown_when,
                "file": f"{each.file}.sql",
                "sql": each.sql,
            }
            for each in DEFINITIONS
        ]
    return keys


def _problems(found: Report) -> tuple[Problem, ...]:
    never = found.dashboard.user_metrics.total_users
    return (Problem("never_refreshed", never.reason, never.remedy),) if isinstance(never, Unknown) else ()


@door_command(group, "refresh")
def refresh(door: Door) -> Answer:
    """Refresh the views that the figures come from; readers do not wait. For a scheduled job, every quarter of an hour.

    The backend's own metrics service does it by itself (metrics.refresh_when_old).
    """
    name = database_of(door)
    door.guard.permit(Act(f"refresh the figures of database {name}", name))
    took = on_target(door, refresh_views, read_only=False)
    assert took is not None  # it waits for somebody else's

    def people(out: Console) -> None:
        out.print(Text(f"✓ refreshed {len(took)} views in {sum(took.values()) / 1000:.1f} s"))

    return Answer({"took_ms": took, "views": len(took)}, people)
