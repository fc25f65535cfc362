"""The dashboard as Grafana's classic JSON model, which every Grafana from 9 on imports."""

from __future__ import annotations

import json
from collections.abc import Iterator

from devora_console.analytics.exporter.family import PREFIX
from devora_console.analytics.exporter.panels import ROWS, Panel

UID = "devora-console"
SCHEMA_VERSION = 41
_COLUMNS = 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_HEIGHTS = {"stat": 4, "timeseries": 7, "table": 7}
_NO_VALUE = "unknown"


def dashboard() -> str:
    """The file to import."""
    return json.dumps(model(), indent=2) + "\n"


def model() -> dict[str, object]:
    """The same as data."""
    return {
        "id": None,
        "uid": UID,
        "title": "Devora Console",
        "description": "The migration, the database and the product, as devora-console metrics serve tells them.",
        "tags": ["devora", "postgresql"],
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timepicker": {},
        "links": [],
        "annotations": {"list": []},
        "templating": {"list": [_datasources(), _instances()]},
        "panels": list(_panels()),
    }


def _datasources() -> dict[str, object]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
    }


def _instances() -> dict[str, object]:
    query = f"label_values({PREFIX}info, instance)"
    return {
        "name": "instance",
        "label": "Exporter",
        "type": "query",
        "datasource": _SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "instances"},
        "regex": "",
        "hide": 0,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "options": [],
        "refresh": 2,
        "sort": 1,
    }


def _panels() -> Iterator[dict[str, object]]:
    """Rows with their panels below them, from left to right."""
    number, y = 0, 0
    for row in ROWS:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"h": 1, "w": _COLUMNS, "x": 0, "y": y},
            "panels": [],
        }
        y, x, height = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > _COLUMNS:
                y, x, height = y + height, 0, 0
            number += 1
            yield _panel(panel, number, x, y)
            x, height = x + panel.width, max(height, _HEIGHTS[panel.kind])
        y += height


def _panel(panel: Panel, number: int, x: int, y: int) -> dict[str, object]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": {"h": _HEIGHTS[panel.kind], "w": panel.width, "x": x, "y": y},
        "targets": [_target(panel, at, *query) for at, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _target(panel: Panel, at: int, expr: str, legend: str) -> dict[str, object]:
    now = panel.kind != "timeseries"
    return {
        "refId": chr(ord("A") + at),
        "datasource": _SOURCE,
        "expr": expr,
        "legendFormat": legend,
        "editorMode": "code",
        "instant": now,
        "range": not now,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _defaults(panel: Panel) -> dict[str, object]:
    words = {value: {"text": text, "index": at} for at, (value, text) in enumerate(panel.words)}
    found: dict[str, object] = {
        "unit": panel.unit,
        "noValue": _NO_VALUE,
        "mappings": [{"type": "value", "options": words}] if words else [],
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": value, "color": color} for value, color in panel.steps],
        },
    }
    if panel.kind == "timeseries":
        # A gap is drawn as a gap: what was not known then is not made up from both sides of it.
        found["custom"] = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 5, "spanNulls": False}
    return found


def _options(panel: Panel) -> dict[str, object]:
    if panel.kind == "stat":
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "value_and_name" if panel.words or "== 1" not in panel.queries[0][0] else "name",
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
        }
    if panel.kind == "table":
        return {"showHeader": True, "cellHeight": "sm"}
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
