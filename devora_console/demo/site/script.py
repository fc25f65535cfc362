"""The site's script: what an operator has for this site, and what a runbook calls as ``{site}``.

Exit codes: 0 good or yes, 1 not so or no, 2 usage, 3 no answer or too little to tell, 4 another script is at it.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.demo.processes import alive
from devora_console.demo.site import commands, smoke
from devora_console.demo.site.place import INSTANCES, Place
from devora_console.demo.site.running import READY_SECONDS
from devora_console.demo.site.web import FAILURES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without these signs
    options = _parser().parse_args(arguments)
    place = Place(options.folder.absolute())
    try:
        about = place.about()
        if (about.closed or not alive(about.owner)) and options.command != "stop":
            return _say(False, "the site is closed: the demo that it belongs to has ended")
        return int(_COMMANDS[options.command](place, options))
    except ConsoleError as error:
        _say(False, str(error))
        return int(error.exit_code)
    except FAILURES as error:
        _say(False, f"no answer ({type(error).__name__})")
        return int(ExitCode.CONNECT)


def _say(good: bool, words: str) -> int:
    sys.stdout.write(f"{'✓' if good else '✗'} {words}\n")
    sys.stdout.flush()
    return int(ExitCode.DONE if good else ExitCode.NEGATIVE)


def _maintenance(place: Place, options: argparse.Namespace) -> int:
    if options.what != "status":
        return _say(True, commands.maintenance(place, options.what == "on"))
    flags = place.flags()
    if flags is None:
        _say(False, "flags.json cannot be read; the front is shut until it can")
        return int(ExitCode.CONNECT)
    word = "on" if flags.maintenance else "off"
    return _say(word == options.expect, f"maintenance is {word}")


def _state(place: Place, options: argparse.Namespace) -> int:
    return _say(True, commands.save_state(place, options.instance, options.save))


def _switch(place: Place, options: argparse.Namespace) -> int:
    if options.check:
        now = commands.backend_of_env(place.env(f"{options.instance}.env"))
        return _say(now == options.backend, f"{options.instance}'s environment names {now}")
    if options.backend == "postgres":
        return _say(True, commands.switch_postgres(place, options.instance))
    if options.from_file is None:
        _say(False, "switch mongo needs --from FILE, which state --save has written")
        return int(ExitCode.USAGE)
    return _say(True, commands.switch_mongo(place, options.instance, options.from_file))


def _restart(place: Place, options: argparse.Namespace) -> int:
    return _say(True, commands.restart(place, options.instance, options.within))


def _recreate(place: Place, options: argparse.Namespace) -> int:
    return _say(True, commands.recreate(place, options.instance, options.within))


def _deploy(place: Place, options: argparse.Namespace) -> int:
    if options.read_only and options.which == "blue":
        _say(False, "--read-only is for green")
        return int(ExitCode.USAGE)
    return _say(True, commands.deploy(place, options.which, options.read_only))


def _retire(place: Place, options: argparse.Namespace) -> int:
    return _say(True, commands.retire(place, options.which))


def _route(place: Place, options: argparse.Namespace) -> int:
    if options.check:
        return _judge(*commands.routed(place, options.percent))
    return _say(True, commands.route(place, options.percent, options.read_only))


def _metrics(place: Place, options: argparse.Namespace) -> int:
    if options.against is None:
        return _show(smoke.metrics(place, options.which), options.json)
    found = smoke.sides(place, options.last)
    one, control = found[options.which], found[options.against]
    return _judge(*smoke.compare(one, control, options.floor, options.error_points, options.p95_ratio))


def _sync(place: Place, options: argparse.Namespace) -> int:
    if options.drained and options.kind == "read-only":
        return _say(True, "nothing goes from green to blue: green takes no writes")  # whether it answers or not
    return _judge(*smoke.sync(place, options.kind))


def _judge(good: bool | None, words: str) -> int:
    if good is None:
        sys.stdout.write(f"? {words}\n")
        return int(ExitCode.CONNECT)
    return _say(good, words)


def _session(place: Place, options: argparse.Namespace) -> int:
    return _say(True, smoke.keep_session(place, options.instance, options.save))


def _smoke(place: Place, options: argparse.Namespace) -> int:
    test = smoke.Smoke(place, options.instance, options.expect or "", _say)
    return int(ExitCode.DONE if test.run(options.token_file, options.read_only) else ExitCode.NEGATIVE)


def _status(place: Place, options: argparse.Namespace) -> int:
    good, found = smoke.status(place)
    _show(found, options.json)
    return int(ExitCode.DONE if good else ExitCode.NEGATIVE)


def _start(place: Place, options: argparse.Namespace) -> int:
    return _say(True, commands.start(place))


def _stop(place: Place, options: argparse.Namespace) -> int:
    return _say(True, commands.stop(place))


def _traffic(place: Place, options: argparse.Namespace) -> int:
    return _say(True, commands.traffic(place, options.what == "start"))


def _show(found: dict[str, Any], as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
        return int(ExitCode.DONE)
    for name, value in found.items():
        shown = value
        if isinstance(value, dict):
            flat = value | (value.get("health") or {})
            shown = ", ".join(f"{k} {v}" for k, v in flat.items() if k not in ("health", "start"))
        sys.stdout.write(f"{name + ':':15}{shown}\n")
    return int(ExitCode.DONE)


_COMMANDS = {
    "maintenance": _maintenance,
    "state": _state,
    "switch": _switch,
    "restart": _restart,
    "recreate": _recreate,
    "deploy": _deploy,
    "retire": _retire,
    "route": _route,
    "metrics": _metrics,
    "sync": _sync,
    "session": _session,
    "smoke": _smoke,
    "status": _status,
    "start": _start,
    "stop": _stop,
    "traffic": _traffic,
}


def _parser() -> argparse.ArgumentParser:  # noqa: PLR0915 - one line for each word
    parser = argparse.ArgumentParser(prog="site", description="Operate the demo's site.")
    parser.add_argument("--folder", type=Path, required=True, help="the site's folder")
    words = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, about: str, *, instance: bool = False) -> argparse.ArgumentParser:
        one = words.add_parser(name, help=about, description=about)
        if instance:
            one.add_argument("--instance", choices=INSTANCES, default="blue", help="which (default: blue)")
        return one

    one = add("maintenance", "Shut the front and wait for requests under way; open it; tell (0 as expected, 1 not).")
    one.add_argument("what", choices=("on", "off", "status"))
    one.add_argument("--expect", choices=("on", "off"), default="on", help="what status answers 0 to (default: on)")
    one = add("state", "Keep the running environment and release in a file; never over another state.", instance=True)
    one.add_argument("--save", type=Path, required=True, metavar="FILE")
    one = add("switch", "Change the environment file; recreate applies it.", instance=True)
    one.add_argument("backend", choices=("postgres", "mongo"))
    one.add_argument("--from", dest="from_file", type=Path, metavar="FILE", help="mongo: what state --save has kept")
    one.add_argument("--check", action="store_true", help="change nothing: 0 when the file names that one, 1 if not")
    for name, about in (
        ("restart", "Restart with the environment the process was created with: changes are NOT applied."),
        ("recreate", "Start anew with the environment file as it is now, and wait until it answers."),
    ):
        one = add(name, about, instance=True)
        one.add_argument("--within", type=float, default=READY_SECONDS, help="seconds to wait (default: 30)")
    one = add("deploy", "Have green run on PostgreSQL, or blue as its environment file says.")
    one.add_argument("which", choices=INSTANCES)
    one.add_argument("--read-only", action="store_true", help="green: refuse writes")
    one.add_argument("--command", dest="synced", action="store_true", help="green takes writes, which a sync copies")
    one = add("retire", "End an instance that no visitor is sent to.")
    one.add_argument("which", choices=INSTANCES)
    one = add("route", "Send PERCENT of the visitors to green.")
    one.add_argument("percent", type=_percent, metavar="PERCENT")
    one.add_argument("--read-only", action="store_true", help="green takes no writes; all of them go to blue")
    one.add_argument("--command", dest="synced", action="store_true", help="green takes writes, which a sync copies")
    one.add_argument("--check", action="store_true", help="change nothing: 0 when so many are sent there, 1 if not")
    one = add("metrics", "Requests, errors and p95 since the start; or compare (0 as good, 1 worse, 3 too few).")
    one.add_argument("which", choices=INSTANCES)
    one.add_argument("--json", action="store_true")
    one.add_argument("--against", choices=INSTANCES, help="compare what visitors got with what they got from this one")
    one.add_argument("--last", type=float, metavar="SECONDS", help="of so long only (default: since routes changed)")
    one.add_argument("--floor", type=int, default=50, help="requests that both need (default: 50)")
    one.add_argument("--error-points", type=float, default=1.0, help="percentage points of errors more (default: 1)")
    one.add_argument("--p95-ratio", type=float, default=1.5, help="times as long a p95 (default: 1.5)")
    one = add("sync", "Whether what keeps both databases in step holds: 0 yes, found out by trying; 1 no; 3 unknown.")
    one.add_argument("kind", choices=("read-only", "command"))
    one.add_argument("--drained", action="store_true", help="whether nothing is on its way from green to blue")
    one = add("session", "Log in and keep the session in a file, for a smoke test later.", instance=True)
    one.add_argument("--save", type=Path, required=True, metavar="FILE")
    one = add("smoke", "Health, login, reading, writing, search; each line ✓ or ✗.", instance=True)
    one.add_argument("--expect", choices=("postgres", "mongo"), help="the backend (default: as the environment says)")
    one.add_argument("--token-file", type=Path, metavar="FILE", help="a session from before, which has to work")
    one.add_argument("--read-only", action="store_true", help="write nothing")
    one = add("status", "Where everything stands; 0 when all that should run answers.")
    one.add_argument("--json", action="store_true")
    add("start", "Start what does not run.")
    add("stop", "End everything.")
    one = add("traffic", "Visitors who write through the front.")
    one.add_argument("what", choices=("start", "stop"))
    return parser


def _percent(word: str) -> int:
    value = int(word)
    if not 0 <= value <= 100:
        raise ValueError(word)
    return value
