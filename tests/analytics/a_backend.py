"""A process that tracks events, for tests that end it: ``python -m tests.analytics.a_backend HOW MANY``.

Says the id of each event. ``disk``: on the disk only. ``away``: in the background, until it is ended.
"""

from __future__ import annotations

import os
import sys
import time

from devora_console.analytics import EventType, configure, track_event


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(how: str, many: str) -> None:
    configure(
        dsn=os.environ["TEST_DSN"],
        posthog_api_key="phc_test_key_0123",
        posthog_host=os.environ["TEST_POSTHOG"],
        spool=os.environ["TEST_SPOOL"],
        background=how == "away",
    )
    for n in range(int(many)):
        say(track_event(EventType.PROJECT_CREATED, None, {"project_id": str(n)}))
    say("all")
    time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
