"""A runbook from its file: read strictly, its variables replaced once, bound to its bytes by hash.

Every error is one line with the file, the line, the key and, where a name is wrong, the nearest right one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from devora_console.config.faults import Fault, Located
from devora_console.config.keys import suggestion
from devora_console.config.locate import item_lines
from devora_console.config.tomlfile import shown_path
from devora_console.config.tomltext import FileWords, decoded, toml_document, toml_text
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.cutover.model import Runbook
from devora_console.cutover.runbook_build import gate_uses, steps
from devora_console.cutover.runbook_sense import sense_faults, sync_faults
from devora_console.cutover.runbook_shape import FileShape, shaped
from devora_console.cutover.runbook_values import Replacing, Surroundings, secret_faults, variable_faults

# The gates that the console measures, by the ids under which its domains declare them.
MEASURED = frozenset(
    {
        "migration.dry_run", "migration.rehearsed", "tests.passed", "backup.mongo", "backup.postgres",
        "monitoring.answers", "schema.drift", "verification.fresh", "quarantine.empty", "collections.mapped",
        "constraints.validated", "search.vectors", "tools.versions", "disk.free", "source.silent", "sequences.ahead",
        "statistics.analyzed",
    }
)  # fmt: skip
SHIPPED = {"big-bang": "big_bang.toml", "blue-green": "blue_green.toml"}
_WORDS = FileWords("runbook_file", "runbook", "Name a file, or one of: " + ", ".join(SHIPPED))
_SYMBOLS = {"run": "{run}", "run_dir": "{run_dir}"}


@dataclass(frozen=True, slots=True)
class Given:
    """What a runbook is read with.

    ``variables`` are the command line's and ``shared`` the settings', of which only what the runbook declares counts.
    ``measured`` are the ids of the gates that can be measured.
    """

    surroundings: Surroundings = field(default_factory=Surroundings)
    variables: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)
    measured: Collection[str] = MEASURED


def load_runbook(name: str, given: Given, base: Path) -> Runbook:
    """The runbook of a name that comes with the console, or of a file (relative to ``base``). Exit 2 when wrong."""
    if name in SHIPPED:
        raw = resources.files("devora_console.cutover").joinpath("runbooks", SHIPPED[name]).read_bytes()
        return parse_runbook(raw, f"{SHIPPED[name]} (built in)", given)
    if "/" not in name and not name.endswith(".toml") and not (base / name).exists():
        near = suggestion(name, SHIPPED) or f"; there are {', '.join(SHIPPED)}"
        raise usage_error("runbook_file", f"no runbook '{one_line(name, 100)}'{near}", "Or name a file")
    path = base / Path(name).expanduser()
    shown = shown_path(path, base)
    return parse_runbook(toml_text(path, shown, _WORDS).raw, shown, given, path=str(path))


def parse_runbook(raw: bytes, shown: str, given: Given, *, path: str = "") -> Runbook:
    """The runbook that these bytes are. ``shown`` names them in errors. Raises ConsoleError (exit 2)."""
    text = decoded(raw, shown, _WORDS).text
    data = toml_document(text)
    if isinstance(data, str):
        raise usage_error("runbook_syntax", f"{shown}{data}", "Correct the file's syntax")
    source = Located("runbook", shown, data, item_lines(text.replace("\r\n", "\n")))
    values = _values(data, given)
    replacing = Replacing(values, given.surroundings)
    replaced = _replaced(data, replacing)
    file = shaped(replaced)
    unset = [*variable_faults(values, given.variables, given.shared), *replacing.faults]
    if isinstance(file, list):
        raise source.error([fault for fault in file if fault.place[0] == "vars"] or unset or file)
    if unset:  # what is wrong with a variable is wrong with all that uses it: it is told alone
        raise source.error(unset)
    faults = [
        *(Fault(("vars", name), "is used nowhere") for name in file.vars if name not in replacing.used),
        *secret_faults({"step": replaced.get("step")}, ()),
        *sense_faults(file, given.measured),
        *sync_faults(file, values, _asking(data)),
    ]
    if faults:
        raise source.error(faults)
    symbolic = shaped(_replaced(data, Replacing(values, _symbolic(given.surroundings))))
    assert isinstance(symbolic, FileShape)  # it was in shape with other words in the same places
    return _runbook(file, raw, text, values, path or shown, _plan_sha(symbolic, given.surroundings))


def _values(data: Mapping[str, Any], given: Given) -> dict[str, str]:
    """The variables that the file declares, with their values: the command line's, the settings', its own."""
    declared = data.get("vars", {})
    if not isinstance(declared, dict):
        return {}
    own = {name: value for name, value in declared.items() if isinstance(value, str)}
    return {name: given.variables.get(name, given.shared.get(name, value)) for name, value in own.items()}


def _replaced(data: Mapping[str, Any], replacing: Replacing) -> dict[str, Any]:
    steps_ = data.get("step")
    return {**data, "step": replacing.over(steps_, ("step",))} if isinstance(steps_, list) else dict(data)


def _asking(data: Mapping[str, Any]) -> set[int]:
    """The positions of the steps of which a probe's command line holds ``{sync}``."""
    return {
        at
        for at, step in enumerate(data["step"])
        for group in ("probe", "guardrail")
        for probe in step.get(group, ())
        if "{sync}" in probe.get("run", ())
    }


def _symbolic(surroundings: Surroundings) -> Surroundings:
    """What differs between two runs of one plan, or between two consoles, taken out of it."""
    values = {**surroundings.values(), **_SYMBOLS}
    return Surroundings(console=("{console}",), **values)


def _plan_sha(file: FileShape, surroundings: Surroundings) -> str:
    """The hash of the resolved plan: every command line, environment, probe and way back, and what it is aimed at."""
    plan = {
        "environment": surroundings.environment,
        "mongo_database": surroundings.mongo_database,
        "postgres_database": surroundings.postgres_database,
        "gates": [asdict(each) for each in gate_uses(file)],
        "steps": [asdict(each, dict_factory=_said) for each in steps(file)],
    }
    text = json.dumps(plan, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_SINCE = frozenset({"until", "past_only"})


def _said(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Without what is not said, where plans were hashed before it could be, and without who is told: that changes
    nothing that is done, and an approval stands.
    """
    return {name: value for name, value in pairs if name != "annotate" and (value or name not in _SINCE)}


def _runbook(file: FileShape, raw: bytes, text: str, values: Mapping[str, str], path: str, plan_sha: str) -> Runbook:
    head = file.runbook
    return Runbook(
        name=head.name,
        title=head.title,
        strategy=head.strategy,
        about=head.about,
        path=path,
        text=text,
        sha=hashlib.sha256(raw).hexdigest(),
        window_minutes=head.window_minutes,
        objection_seconds=head.objection_seconds,
        horizon_seconds=head.horizon_seconds,
        variables=dict(values),
        gates=gate_uses(file),
        steps=steps(file),
        on_guardrail=head.on_guardrail,
        plan_sha=plan_sha,
    )
