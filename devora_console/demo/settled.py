"""What a demo's home remembers: which source it was filled with, the owner's password, how to connect."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from devora_console.config.conninfo import parse, to_address
from devora_console.config.keys import CONFIG_VARIABLE
from devora_console.config.secret import Dsn, Secret
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.demo.data import Scale

DATABASE = "devora_db"
OWNER = "devora_owner"
APPLICATION = "devora_app"
_STATE, _PASSWORD, _ENV = "demo.json", "owner-password", ".env"
_APP_PASSWORD, _CONFIG = "app-password", "console.toml"


@dataclass(frozen=True, slots=True)
class Settled:
    """A home, whether its source has been filled, and the last day of that."""

    home: Path
    filled: bool
    until: date | None = None

    def mark_filled(self, scale: Scale, seed: int, until: date) -> None:
        """Remember the source, once it is complete."""
        _write(self.home / _STATE, json.dumps({"scale": scale, "seed": seed, "until": until.isoformat()}))

    def password(self) -> Secret:
        """The owner's password: made once, kept readable for this user alone."""
        return self._password(_PASSWORD)

    def app_password(self) -> Secret:
        """The application's, kept likewise."""
        return self._password(_APP_PASSWORD)

    def _password(self, name: str) -> Secret:
        path = self.home / name
        if not path.exists():
            _write(path, secrets.token_urlsafe(24))
        return Secret(path.read_text("utf-8").strip())

    def write_env(self, postgres: Dsn, superuser: Dsn, mongo: Dsn) -> None:
        """A ``.env`` like the guide's: commands run in the home, from another terminal, reach these servers."""
        lines = application_variables(postgres, mongo) | {
            "DEVORA_CONSOLE__POSTGRES__SUPERUSER_DSN": superuser.reveal(),
            CONFIG_VARIABLE: str(self.config),
        }
        _write(self.home / _ENV, "".join(f"{name}={value}\n" for name, value in lines.items()))

    @property
    def config(self) -> Path:
        """The demo's configuration file."""
        return self.home / _CONFIG

    @property
    def events(self) -> Path:
        """Where its events wait for the database."""
        return self.home / "events"

    def write_config(self, postgres: Dsn, superuser: Dsn, mongo: Dsn, variables: Mapping[str, str]) -> None:
        """A configuration file with these servers and a runbook's variables: ``--config`` with it works anywhere."""
        tables = {
            "postgres": {"dsn": postgres.reveal(), "superuser_dsn": superuser.reveal()},
            "mongo": {"url": mongo.reveal(), "database": DATABASE},
            "analytics": {"spool": str(self.events)},
            "bench": {"home": str(self.home / "bench")},
            "watch": {"home": str(self.home / "watch")},
            "cutover": {"home": str(self.home / "cutover")},
            "cutover.vars": variables,
        }
        # A TOML string is written like one of JSON.
        text = '# Written anew whenever the demo starts.\nenvironment = "demo"\n' + "".join(
            f"\n[{table}]\n"
            + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in rows.items())
            for table, rows in tables.items()
        )
        _write(self.config, text)


def settle(home: Path, scale: Scale, seed: int) -> Settled:
    """Read what the home remembers. Raises ConsoleError (exit 2) when it holds another source."""
    path = home / _STATE
    if not path.exists():
        return Settled(home, filled=False)
    try:
        state = json.loads(path.read_text("utf-8"))
        kept = (Scale(state["scale"]), int(state["seed"]))
        until = date.fromisoformat(state["until"]) if "until" in state else None
    except (ValueError, KeyError, TypeError):
        raise usage_error(
            "demo_state", f"{one_line(str(path), 160)}: not what the demo wrote", "Choose another folder for --keep"
        ) from None
    if kept != (scale, seed):
        raise usage_error(
            "demo_other",
            f"{one_line(str(home), 160)} holds the {kept[0]} source of seed {kept[1]}",
            f"Give --scale {kept[0]} --seed {kept[1]}, or another folder",
        )
    return Settled(home, filled=True, until=until)


def application_variables(postgres: Dsn, mongo: Dsn) -> dict[str, str]:
    """The variables that Devora's backend and the console share."""
    return {
        "POSTGRES_DSN": postgres.reveal(),
        "MONGO_URL": mongo.reveal(),
        "DB_NAME": DATABASE,
        "ENVIRONMENT": "demo",
    }


def login_dsn(superuser: Dsn, user: str, password: Secret) -> Dsn:
    """A user's connection string for the demo's database."""
    parameters = parse(superuser.reveal())
    return Dsn(to_address({**parameters, "user": user, "password": password.reveal(), "dbname": DATABASE}))


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole; only this user may read it."""
    draft = path.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(path)
