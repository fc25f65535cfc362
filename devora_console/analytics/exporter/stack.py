"""The files of a monitoring stack: dashboard, alert rules, Prometheus' configuration, and a compose file for both."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from devora_console.analytics.exporter.grafana import dashboard
from devora_console.analytics.exporter.rules import JOB, rules
from devora_console.config.settings import Settings
from devora_console.core.wholefile import write_whole

PROMETHEUS_IMAGE = "prom/prometheus:v3.13.2"
GRAFANA_IMAGE = "grafana/grafana:13.2.0"
_HERE = "devora_console.analytics.exporter"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what listens everywhere is reached here


def files(settings: Settings) -> Mapping[str, str]:
    """Every file by its path in the folder."""
    given = settings.exporter
    host = _EVERYWHERE.get(given.host, given.host)
    target = f"[{host}]:{given.port}" if ":" in host else f"{host}:{given.port}"
    values = {
        "@TARGET@": json.dumps(target),
        "@ADDRESS@": target,
        "@JOB@": JOB,
        "@EVERY@": f"{max(1, round(given.every_seconds))}s",
        "@PROMETHEUS@": PROMETHEUS_IMAGE,
        "@GRAFANA@": GRAFANA_IMAGE,
    }
    return {
        "README.md": _filled("README.md", values),
        "compose.yaml": _filled("compose.yaml", values),
        "prometheus.yml": _filled("prometheus.yml", values),
        "rules.yml": rules(settings),
        "dashboard.json": dashboard(),
        "grafana/datasources.yaml": _filled("datasources.yaml", values),
        "grafana/dashboards.yaml": _filled("dashboards.yaml", values),
    }


def _filled(name: str, values: Mapping[str, str]) -> str:
    text = resources.files(_HERE).joinpath("data", name).read_text("utf-8")
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def write(folder: Path, made: Mapping[str, str], *, force: bool = False) -> tuple[str, ...]:
    """Write them; the names of those that were not there like that. All or none: raises OSError before it begins when
    one is there and differs, unless by ``force``.
    """
    new = {name: text for name, text in made.items() if _there(folder / name) != text}
    taken = [name for name in new if (folder / name).exists()]
    if taken and not force:
        raise FileExistsError(errno.EEXIST, f"{', '.join(taken)} is there and differs")
    for name, text in new.items():
        path = folder / name
        for each in (folder, path.parent):
            each.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode(), mode=0o644)
        # The programs in the containers have accounts of their own; nothing in here is secret.
        path.chmod(0o644)
        path.parent.chmod(0o755)
    return tuple(new)


def _there(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
