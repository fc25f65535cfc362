"""The files for Prometheus and Grafana: they name nothing that is not emitted, and hold no password."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devora_console.analytics.exporter.grafana import model
from devora_console.analytics.exporter.registry import FAMILIES, UNKNOWN, names
from devora_console.analytics.exporter.rules import alerts
from devora_console.analytics.exporter.stack import files, write
from devora_console.config.exporter import ExporterSettings
from devora_console.config.settings import Settings
from devora_console.config.thresholds import HealthSettings
from tests.analytics.exporter import worlds
from tests.analytics.exporter.promtool import promtool
from tests.analytics.exporter.test_families import exposition

SETTINGS = Settings()
_LABEL = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)\s*\"")


def named(expr: str) -> set[str]:
    return set(re.findall(r"devora_console_\w+", re.sub(r'"[^"]*"', '""', expr)))


def panels() -> Iterator[dict[str, Any]]:
    found = model()["panels"]
    assert isinstance(found, list)
    yield from found


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel.get("targets", ())]


def test_every_expression_names_what_is_emitted() -> None:
    expressions = [*queries(), *(each.expr for each in alerts(SETTINGS))]
    assert {name for expr in expressions for name in named(expr)} <= names()
    assert {name for each in alerts(SETTINGS) for name in re.findall(r"devora_console_\w+", each.expr)} <= names()
    emitted = exposition(worlds.world())
    for name in {name for expr in expressions for name in named(expr)} - {UNKNOWN}:
        assert f"\n{name}" in emitted, name


def test_every_expression_uses_labels_that_exist() -> None:
    labels = {each.full: set(each.labels) for each in FAMILIES} | {
        "devora_console_unknown": {"what"},
        "devora_console_sample_age_seconds": {"sample"},
    }
    for expr in (*queries(), *(each.expr for each in alerts(SETTINGS))):
        for name, matchers in re.findall(r"(devora_console_\w+)\{([^}]*)\}", expr):
            assert set(_LABEL.findall(matchers)) <= labels[name] | {"instance", "job"}, expr
    for panel in panels():
        for target in panel.get("targets", ()):
            (name, *_) = named(target["expr"])
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels[name], target


def test_the_dashboard_is_of_grafana_s_classic_model() -> None:
    found = model()
    needed = {"id", "uid", "title", "tags", "timezone", "editable", "panels", "time", "templating", "annotations"}
    assert needed | {"schemaVersion", "version", "links", "refresh", "graphTooltip", "timepicker"} <= found.keys()
    assert found["id"] is None  # Grafana gives one
    seen: set[int] = set()
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["type"] in ("row", "stat", "timeseries", "table")
        assert panel["id"] not in seen
        seen.add(panel["id"])
        place = panel["gridPos"]
        assert place.keys() == {"h", "w", "x", "y"}
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] == "row":
            continue
        assert [each["refId"] for each in panel["targets"]] == ["A", "B", "C"][: len(panel["targets"])]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"].keys() == {"defaults", "overrides"}
        assert panel["fieldConfig"]["defaults"]["noValue"] == "unknown"
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None
        assert all("$instance" in each["expr"] for each in panel["targets"])
    variables = {each["name"]: each["type"] for each in found["templating"]["list"]}  # type: ignore[index]
    assert variables == {"datasource": "datasource", "instance": "query"}


def test_images_are_pinned_and_no_password_is_given() -> None:
    compose = files(SETTINGS)["compose.yaml"]
    images = re.findall(r"image: (\S+)", compose)
    assert len(images) == 2
    assert all(re.search(r":v?\d+\.\d+\.\d+$", image) for image in images)
    assert ":latest" not in "".join(files(SETTINGS).values())
    assert re.findall(r"PASSWORD: (\S+)", compose) == ["${GRAFANA_ADMIN_PASSWORD:?set"]
    assert "127.0.0.1:9090" in compose
    assert "GF_SERVER_HTTP_ADDR: 127.0.0.1" in compose
    assert not re.search(r"^\s+ports:", compose, re.MULTILINE)


def test_thresholds_and_target_are_those_of_the_settings() -> None:
    made = files(
        Settings(
            health=HealthSettings(cache_hit_percent=97.0, wraparound_percent=20.0),
            exporter=ExporterSettings(host="::", port=9500, every_seconds=30.0),
        )
    )
    assert "< 0.97 and" in made["rules.yml"]
    assert "wraparound_ratio > 0.2" in made["rules.yml"]
    assert '["[::1]:9500"]' in made["prometheus.yml"]
    assert "scrape_interval: 30s" in made["prometheus.yml"]


def test_every_alert_says_what_to_do() -> None:
    found = alerts(SETTINGS)
    assert len({each.name for each in found}) == len(found)
    assert all(each.act and each.summary and each.severity in ("warning", "critical") for each in found)
    words = " ".join(each.name for each in found)
    for each in ("Lag", "CacheHit", "GateRed", "VerificationStale", "Quarantine", "Deadlocks", "Wraparound", "Down"):
        assert each in words


def test_files_are_written_all_or_none(tmp_path: Path) -> None:
    made = files(SETTINGS)
    assert set(write(tmp_path / "new" / "stack", made)) == set(made)
    folder = tmp_path / "new" / "stack"
    assert write(folder, made) == ()
    (folder / "rules.yml").write_text("mine")
    (folder / "README.md").unlink()
    with pytest.raises(FileExistsError, match=r"rules\.yml"):
        write(folder, made)
    assert (folder / "rules.yml").read_text() == "mine"
    assert not (folder / "README.md").exists()
    assert set(write(folder, made, force=True)) == {"rules.yml", "README.md"}
    assert (folder / "grafana" / "datasources.yaml").stat().st_mode & 0o777 == 0o644
    json.loads((folder / "dashboard.json").read_text())


def test_promtool_takes_the_exposition() -> None:
    promtool("check", "metrics", given=exposition(worlds.world()))
    promtool("check", "metrics", given=exposition(worlds.nothing()))


def test_promtool_takes_rules_configuration_and_every_expression(tmp_path: Path) -> None:
    write(tmp_path, files(SETTINGS))
    drawn = [each.replace("$instance", ".*") for each in queries()]
    records = [f"  - {{record: 'drawn:{at}', expr: {json.dumps(expr)}}}" for at, expr in enumerate(drawn)]
    (tmp_path / "drawn.yml").write_text("groups:\n- name: drawn\n  rules:\n" + "\n".join(records) + "\n")
    promtool("check", "rules", tmp_path / "rules.yml", tmp_path / "drawn.yml")
    promtool("check", "config", tmp_path / "prometheus.yml")


_HIT, _READ = "devora_console_database_blocks_hit_total", "devora_console_database_blocks_read_total"
_WAITING, _KEY = "devora_console_events_oldest_waiting_seconds", "devora_console_events_delivery_configured"
_XID = 'devora_console_wraparound_ratio{id="transaction"}'

# What is scraped every minute, and when which alert fires.
_SCENES: list[tuple[str, dict[str, str], str, list[dict[str, str]]]] = [
    ("DevoraExporterDown", {"up": "0x9"}, "5m", [{}]),
    ("DevoraServerAway", {'devora_console_up{server="postgres"}': "1x2 0x9"}, "8m", [{"server": "postgres"}]),
    (
        "DevoraCacheHitLow",
        {
            "devora_console_database_blocks_hit_total": "0+900x60",
            "devora_console_database_blocks_read_total": "0+100x60",
        },
        "45m",
        [{}],
    ),
    (
        "DevoraCacheHitLow",  # too few to say anything
        {_HIT: "0+9x60", _READ: "0+9x60"},
        "45m",
        [],
    ),
    ("DevoraDeadlocks", {"devora_console_deadlocks_total": "5x5 6x9"}, "9m", [{}]),
    ("DevoraDeadlocks", {"devora_console_deadlocks_total": "5x20"}, "9m", []),
    (
        "DevoraWraparound",
        {_XID: "0.5x30"},
        "20m",
        [{"id": "transaction"}],
    ),
    ("DevoraReplicationLag", {"devora_console_replication_lag_seconds": "31x9"}, "9m", [{}]),
    ("DevoraMigrationLag", {"devora_console_migration_lag_seconds": "90000x20"}, "15m", [{}]),
    (
        "DevoraMigrationLag",  # the switch is made: nothing follows the source any more
        {
            "devora_console_migration_lag_seconds": "90000x20",
            'devora_console_cutover_state{state="done"}': "1x20",
        },
        "15m",
        [],
    ),
    ("DevoraQuarantine", {"devora_console_quarantine_open_documents": "3x9"}, "9m", [{}]),
    ("DevoraVerificationStale", {"devora_console_verification_current": "0x20"}, "15m", [{}]),
    (
        "DevoraVerificationStale",  # copied, and never verified
        {
            'devora_console_unknown{what="devora_console_verification_current"}': "1x20",
            'devora_console_migration_state{state="done"}': "1x20",
        },
        "15m",
        [{"what": "devora_console_verification_current"}],
    ),
    (
        "DevoraVerificationStale",  # nothing is copied yet
        {
            'devora_console_unknown{what="devora_console_verification_current"}': "1x20",
            'devora_console_migration_state{state="done"}': "0x20",
        },
        "15m",
        [],
    ),
    ("DevoraVerificationFailed", {"devora_console_verification_ok": "0x3"}, "2m", [{}]),
    (
        "DevoraGateRed",
        {
            'devora_console_gate_verdict{gate="a",verdict="fail"}': "1x9",
            'devora_console_gate_waived{gate="a"}': "0x9",
            'devora_console_gate_verdict{gate="b",verdict="fail"}': "1x9",
            'devora_console_gate_waived{gate="b"}': "1x9",
            'devora_console_gate_verdict{gate="c",verdict="unknown"}': "1x9",
            'devora_console_gate_waived{gate="c"}': "0x9",
        },
        "9m",
        [{"gate": "a", "verdict": "fail"}],
    ),
    (
        "DevoraFigureUnknown",
        {
            'devora_console_unknown{what="devora_console_deadlocks_total"}': "1x60",
            'devora_console_unknown{what="devora_console_users"}': "1x60",
        },
        "45m",
        [{"what": "devora_console_deadlocks_total"}],
    ),
    (
        "DevoraEventsWaiting",
        {
            "devora_console_events_oldest_waiting_seconds": "4000x20",
            "devora_console_events_delivery_configured": "1x20",
        },
        "15m",
        [{}],
    ),
]


def test_alerts_fire_when_they_should_and_only_then(tmp_path: Path) -> None:
    write(tmp_path, files(SETTINGS))
    severities = {each.name: each for each in alerts(SETTINGS)}
    tests = []
    for name, series, at, fired in _SCENES:
        here = {"job": "devora-console", "instance": "x:1"}
        labels = ",".join(f'{key}="{value}"' for key, value in here.items())
        scraped = [
            {
                "series": each.replace("{", "{" + labels + ",") if "{" in each else f"{each}{{{labels}}}",
                "values": values,
            }
            for each, values in series.items()
        ]
        expected = [{"exp_labels": {**here, "severity": severities[name].severity, **more}} for more in fired]
        tests.append({"interval": "1m", "input_series": scraped, "alert_rule_test": [_test(name, at, expected)]})
    # promtool compares annotations, too; those are not what is asked here.
    rules = re.sub(r"        annotations:\n(          .*\n)+", "", (tmp_path / "rules.yml").read_text())
    (tmp_path / "bare.yml").write_text(rules)
    (tmp_path / "tests.yml").write_text(json.dumps({"rule_files": ["bare.yml"], "tests": tests}))
    promtool("test", "rules", tmp_path / "tests.yml")


def _with(series: str, labels: str) -> str:
    name, _, more = series.partition("{")
    return f"{name}{{{labels},{more}" if more else f"{name}{{{labels}}}"


def _test(name: str, at: str, expected: list[dict[str, dict[str, str]]]) -> dict[str, object]:
    return {"eval_time": at, "alertname": name, "exp_alerts": expected}
