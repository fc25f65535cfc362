"""A console reduced to its servers, for tests that kill it: starts them, says where they are, waits.

``console_process.py HOME|temporary [detached]``; ``detached`` starts the servers without the kernel's death
signal, as on systems that have none. Prints one line of JSON when the servers are up.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from pathlib import Path

from devora_console.demo import mongo_server, postgres_server
from devora_console.demo.child import spawn
from devora_console.demo.lifecycle import Ended, end_on_signals
from devora_console.demo.servers import DemoServers, temporary_home


def main(where: str, *options: str) -> int:
    """Run until a signal comes; 0 after SIGTERM or SIGHUP, 130 after SIGINT."""
    if "detached" in options:
        for module in (postgres_server, mongo_server):
            setattr(module, "spawn", functools.partial(_spawn_detached))  # noqa: B010 - not exported on purpose
    try:
        with (
            end_on_signals(),
            DemoServers(temporary_home() if where == "temporary" else Path(where)) as demo,
        ):
            facts = {
                "home": str(demo.home),
                "postgres": demo.postgres.dsn.reveal(),
                "mongo": demo.mongo.url.reveal(),
                "pids": [demo.postgres.pid, demo.mongo.pid],
            }
            sys.stdout.write(json.dumps(facts) + "\n")
            sys.stdout.flush()
            time.sleep(120)
    except Ended:
        return 0
    except KeyboardInterrupt:
        return 130
    return 1


def _spawn_detached(*arguments: object, **named: object) -> None:
    spawn(*arguments, **(named | {"death_signal": 0}))  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
