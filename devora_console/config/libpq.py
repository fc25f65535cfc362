"""Connecting to PostgreSQL the way libpq does, where asyncpg does not.

What asyncpg 0.32 lacks and this module adds: keyword/value connection strings; service files (it ignores
``PGSERVICE``, an unknown service, and a service's port); backslash escapes and socket directories in password
files; ``PGHOSTADDR``, ``PGAPPNAME``, ``PGOPTIONS`` and ``PGCONNECT_TIMEOUT``; libpq's own parameters, which
it would send to the server as settings. A parameter that promises security asyncpg cannot keep is refused,
never dropped.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from devora_console.config.conninfo import ConninfoError, host_list, parse, shown_name, to_address
from devora_console.config.pgfiles import password_for, service_parameters
from devora_console.config.secret import Dsn
from devora_console.core.problems import Problem, usage_error

# libpq's parameters by the environment variable that stands in for each.
VARIABLES = {
    "PGHOST": "host",
    "PGHOSTADDR": "hostaddr",
    "PGPORT": "port",
    "PGDATABASE": "dbname",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGPASSFILE": "passfile",
    "PGSERVICE": "service",
    "PGOPTIONS": "options",
    "PGAPPNAME": "application_name",
    "PGCONNECT_TIMEOUT": "connect_timeout",
    "PGCLIENTENCODING": "client_encoding",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGLOADBALANCEHOSTS": "load_balance_hosts",
    "PGSSLMODE": "sslmode",
    "PGREQUIRESSL": "requiressl",
    "PGSSLNEGOTIATION": "sslnegotiation",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCRL": "sslcrl",
    "PGSSLCRLDIR": "sslcrldir",
    "PGSSLSNI": "sslsni",
    "PGSSLCERTMODE": "sslcertmode",
    "PGSSLMINPROTOCOLVERSION": "ssl_min_protocol_version",
    "PGSSLMAXPROTOCOLVERSION": "ssl_max_protocol_version",
    "PGCHANNELBINDING": "channel_binding",
    "PGREQUIREAUTH": "require_auth",
    "PGREQUIREPEER": "requirepeer",
    "PGGSSENCMODE": "gssencmode",
    "PGGSSDELEGATION": "gssdelegation",
    "PGKRBSRVNAME": "krbsrvname",
    "PGGSSLIB": "gsslib",
}
# Any of these says that a server is meant, even when no DSN is configured.
MEANS_A_SERVER = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")

_BY_ASYNCPG = frozenset(
    {"sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslnegotiation"}
    | {"ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs", "krbsrvname", "gsslib"}
)
_BY_US = frozenset({"host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service", "connect_timeout"})
_AS_SETTINGS = frozenset({"application_name", "options"})
# Tuning that changes nothing an answer depends on: left out for asyncpg, kept for libpq's programs.
_LEFT_OUT = frozenset(
    {"fallback_application_name", "client_encoding", "sslcompression", "sslsni", "load_balance_hosts"}
    | {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}
    | {"gssdelegation"}
)
# What asyncpg cannot promise, and the values that promise nothing.
_REFUSED: dict[str, frozenset[str]] = {
    "channel_binding": frozenset({"disable", "prefer"}),
    "require_auth": frozenset(),
    "requirepeer": frozenset(),
    "gssencmode": frozenset({"disable", "prefer"}),
    "sslcertmode": frozenset({"disable", "allow"}),
    "sslcrldir": frozenset(),
    "replication": frozenset({"false", "off", "no", "0"}),
}
_NONE: Mapping[str, str] = MappingProxyType({})
_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "sslnegotiation": ("postgres", "direct"),
}
_KNOWN = _BY_ASYNCPG | _BY_US | _AS_SETTINGS | _LEFT_OUT | _REFUSED.keys() | {"requiressl"}


@dataclass(frozen=True, slots=True)
class Target:
    """The PostgreSQL to connect to, with everything the environment, service and password files add to it.

    ``dsn`` is complete, and prints without its credentials. ``hosts`` is empty when libpq's default (the
    local socket) is meant; ``ports`` has one for each host. ``connect_timeout_seconds`` is None when none was
    given.
    """

    dsn: Dsn
    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    database: str
    user: str
    connect_timeout_seconds: float | None
    notes: tuple[Problem, ...] = ()

    def asyncpg(self, settings: Mapping[str, str] = _NONE) -> dict[str, Any]:
        """Arguments for ``asyncpg.connect`` or ``create_pool``; ``settings`` outrank those of the string.

        They hold the password: do not keep them in a variable, for crash reports print those.
        """
        parameters = parse(self.dsn.reveal())
        given = {name: value for name, value in parameters.items() if name in _AS_SETTINGS or name not in _KNOWN}
        if "fallback_application_name" in parameters:
            given.setdefault("application_name", parameters["fallback_application_name"])
        arguments: dict[str, Any] = {
            # Certificates have no arguments of their own: asyncpg takes them from an address only.
            "dsn": to_address({name: value for name, value in parameters.items() if name in _BY_ASYNCPG}),
            "user": self.user,
            "database": self.database,
            "server_settings": {**given, **settings},
        }
        if self.hosts:
            arguments["host"] = list(self.hosts)
        if self.ports:
            arguments["port"] = list(self.ports) if self.hosts else self.ports[0]
        if "password" in parameters:
            arguments["password"] = parameters["password"]
        if self.connect_timeout_seconds:
            arguments["timeout"] = self.connect_timeout_seconds
        return arguments

    def tool_environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """``base`` with libpq's variables set for this target: psql and pg_dump need no argument, so none
        shows.

        ``sslpassword`` has no variable: a client key with a passphrase cannot be handed on this way.
        """
        parameters = parse(self.dsn.reveal())
        extra = {name: value for name, value in parameters.items() if name not in _KNOWN}
        if extra:
            flags = ["-c " + name + "=" + re.sub(r"([\\\s])", r"\\\1", value) for name, value in extra.items()]
            parameters["options"] = " ".join([parameters.get("options", ""), *flags]).strip()
        ours = {variable: parameters[name] for variable, name in VARIABLES.items() if name in parameters}
        return {name: value for name, value in base.items() if name not in VARIABLES} | ours


def check(text: str) -> dict[str, str]:
    """The parameters of a connection string, each of them judged; raises :class:`ConninfoError`.

    Reads no file and no variable: what a service stands for is looked up by :func:`target`.
    """
    parameters = parse(text)
    if parameters.pop("requiressl", "0") == "1":
        parameters.setdefault("sslmode", "require")
    # asyncpg's own spelling of dbname
    if "database" in parameters:
        parameters.setdefault("dbname", parameters.pop("database"))
    for name, value in parameters.items():
        _check_parameter(name, value)
    hosts, _ = host_list(parameters)
    if hosts and "hostaddr" in parameters and parameters.get("sslmode") == "verify-full":
        raise ConninfoError("cannot verify a host name while connecting to a hostaddr; leave out hostaddr")
    if parameters.get("sslrootcert") == "system":
        raise ConninfoError("sslrootcert=system is not supported; name the system's certificate bundle")
    return parameters


def _check_parameter(name: str, value: str) -> None:
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ConninfoError(f"{name} is not one of {', '.join(_CHOICES[name])}")
    if name in _REFUSED and value not in _REFUSED[name]:
        raise ConninfoError(f"{name} asks for what the console's driver cannot promise; leave it out")
    if name == "connect_timeout" and not re.fullmatch(r"-?\d{1,6}", value):
        raise ConninfoError("connect_timeout is not a number of seconds")
    if name not in _KNOWN:
        near = get_close_matches(name, _KNOWN, 1, 0.75)
        if near:
            raise ConninfoError(f"unknown parameter {shown_name(name)}; did you mean '{near[0]}'?")
        if not re.fullmatch(r"[A-Za-z_][\w.]*", name):
            raise ConninfoError(f"unknown parameter {shown_name(name)}")


def normalise(text: str) -> str:
    """``text``, checked, in the ``postgresql://`` form. Raises :class:`ConninfoError`."""
    return to_address(check(text))


def target(dsn: Dsn | None, environ: Mapping[str, str] | None = None) -> Target:
    """The server meant by ``dsn`` (None: by libpq's variables alone).

    A parameter comes from the string, else from its service, else from the environment. Raises ConsoleError
    (exit 2) when the string, the service or a variable is wrong; reads the service and password files.
    """
    outcome = _target(dsn, os.environ if environ is None else environ)
    if isinstance(outcome, str):
        # Raised here, where no local variable holds a parameter.
        raise usage_error(
            "postgres_dsn", f"PostgreSQL connection: {outcome}", "Correct the DSN, service or PG* variable"
        )
    return outcome


def _target(dsn: Dsn | None, environ: Mapping[str, str]) -> Target | str:
    """The target, or what is wrong: nothing that holds a parameter may end with an exception."""
    variables = {name: environ[variable] for variable, name in VARIABLES.items() if environ.get(variable)}
    try:
        parameters = check(dsn.reveal()) if dsn else {}
        named, in_variable = parameters.pop("service", ""), variables.pop("service", "")
        service = named or in_variable
        if service:
            parameters = service_parameters(service, environ) | parameters
        # A name in the string must not meet an address meant for another one, nor the other way round.
        if "host" in parameters or "hostaddr" in parameters:
            for name in {"host", "hostaddr"} & set(variables):
                variables.pop(name)
        parameters = check(to_address(variables | parameters))
        if "hostaddr" in parameters:
            parameters["host"] = parameters.pop("hostaddr")
        return _complete(parameters, environ)
    except ConninfoError as error:
        return str(error)


def _complete(parameters: dict[str, str], environ: Mapping[str, str]) -> Target:
    notes: list[Problem] = []
    user = parameters["user"] = parameters.get("user") or _system_user()
    database = parameters.setdefault("dbname", user)
    hosts, ports = host_list(parameters)
    whole_ports = [port or 5432 for port in ports]
    passfile = parameters.pop("passfile", "")
    if "password" not in parameters:
        places = [*zip(hosts, whole_ports, strict=True)] if hosts else [("", [*whole_ports, 5432][0])]
        password, found = password_for(places, database, user, passfile, environ)
        notes += found
        if password:
            parameters["password"] = password
    timeout = float(parameters.get("connect_timeout", "0"))
    return Target(
        Dsn(to_address(parameters)),
        tuple(hosts),
        tuple(whole_ports),
        database,
        user,
        timeout if timeout > 0 else None,
        tuple(notes),
    )


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConninfoError("names no user, and the system has no name for the current one; set PGUSER") from None
