"""What a cutover keeps in files of its own: the state before it, and a session from before."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.demo.site.place import write


@dataclass(frozen=True, slots=True)
class State:
    """An environment as it was; it holds secrets. The release stands apart for people who read the file."""

    instance: str
    release: str
    env: dict[str, str]
    at: str


@dataclass(frozen=True, slots=True)
class Session:
    """A session: the token, and whose it is."""

    token: str
    user: str
    email: str
    backend: str
    at: str


def now() -> str:
    """This moment, for a file."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def keep_state(file: Path, instance: str, env: dict[str, str]) -> bool:
    """Save a state; True when the file holds just that already. ConsoleError (exit 1) when it holds another one.

    A step that is run again after the switch must not put the new state in the place of the old.
    """
    if file.exists():
        found = state(file)
        if (found.instance, found.env) != (instance, env):
            raise _damaged(file, f"holds another state, saved at {found.at}")
        return True
    write(file, json.dumps(asdict(State(instance, env.get("APP_RELEASE", ""), env, now())), indent=1))
    return False


def state(file: Path) -> State:
    """A saved state. ConsoleError (exit 1) when there is none."""
    try:
        data = json.loads(file.read_text("utf-8"))
        env = {str(key): str(value) for key, value in data["env"].items()}
        return State(str(data["instance"]), str(data["release"]), env, str(data["at"]))
    except FileNotFoundError:
        raise _damaged(file, "is not there") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(file, "holds no saved state") from None


def keep_session(file: Path, session: Session) -> None:
    """Save a session."""
    write(file, json.dumps(asdict(session), indent=1))


def session(file: Path) -> Session:
    """A saved session. ConsoleError (exit 1) when there is none."""
    try:
        return Session(**json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        raise _damaged(file, "is not there") from None
    except (OSError, ValueError, TypeError):
        raise _damaged(file, "holds no saved session") from None


def _damaged(file: Path, what: str) -> ConsoleError:
    return ConsoleError.of(ExitCode.NEGATIVE, "site.saved", f"{file} {what}", "name another file, or mend that one")
