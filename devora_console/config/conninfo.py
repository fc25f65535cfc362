"""PostgreSQL connection strings in both of libpq's forms, read as libpq reads them.

asyncpg takes the ``postgresql://`` form only, and reads it with an HTTP parser: a ``#`` or ``?`` in a
password, a ``+`` in a parameter or an empty parameter come out wrong or as an exception that quotes the
string. So the console reads connection strings itself, and writes the one form that asyncpg and libpq's
programs agree on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from urllib.parse import quote

from devora_console.core.safetext import one_line

_SPACE = " \t\n\r\f\v"
SCHEMES = ("postgresql", "postgres")


class ConninfoError(ValueError):
    """A connection string that cannot be read. The message never quotes it, but for parameter names."""


def parse(text: str) -> dict[str, str]:
    """The parameters of a connection string by libpq's names (``host``, ``port``, ``dbname``, ``user``, ...).

    Several hosts stay one text (``a,b``), and so do their ports. Empty values are left out, as libpq takes
    them for not given. Raises :class:`ConninfoError`.

    >>> parse('postgresql://ana:s%40@db1:6432,db2/devora')
    {'user': 'ana', 'password': 's@', 'host': 'db1,db2', 'port': '6432,', 'dbname': 'devora'}
    >>> parse("host=db1 password='two words'")
    {'host': 'db1', 'password': 'two words'}
    """
    text = text.lstrip()  # not at the end: the last value may end with an escaped space
    if "\x00" in text:
        raise ConninfoError("holds a NUL character")
    if _is_broken(text):
        raise ConninfoError("holds bytes that are not UTF-8")
    scheme, separator, rest = text.partition("://")
    if separator and scheme.lower() in SCHEMES:
        found = _address(rest)
    elif separator and re.fullmatch(r"\S+", scheme) and "=" not in scheme:
        raise ConninfoError(wrong_scheme(scheme, SCHEMES))
    elif "=" in text:
        found = _keywords(text)
    else:
        raise ConninfoError("is neither 'postgresql://...' nor 'host=... dbname=...'")
    if "\x00" in "".join(found.values()):
        raise ConninfoError("holds a NUL character")
    return {name: value for name, value in found.items() if value}


def wrong_scheme(scheme: str, expected: Sequence[str]) -> str:
    """What to say of a scheme that is none of ``expected``. It is quoted only when it resembles one."""
    near = get_close_matches(scheme.lower(), expected, 1, 0.6)
    if near and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,30}", scheme):
        return f"scheme '{scheme}'; did you mean '{near[0]}'?"
    return f"its scheme is not {' or '.join(expected)}"


def _keywords(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    position = 0
    word = re.compile(r"\s*([^=\s]+)\s*=\s*")
    bare = re.compile(r"(?:\\.|[^\s\\])*\\?", re.DOTALL)
    quoted = re.compile(r"'((?:\\.|[^'\\])*)'", re.DOTALL)
    while text[position:].strip():
        name = word.match(text, position)
        if name is None:
            raise ConninfoError("has a word without '='; quote values that hold spaces: password='two words'")
        position = name.end()
        is_quoted = text.startswith("'", position)
        value = (quoted if is_quoted else bare).match(text, position)
        if value is None:
            raise ConninfoError("has a quote that is never closed")
        position = value.end()
        found[name[1]] = re.sub(r"\\(.?)", r"\1", value[1] if is_quoted else value[0], flags=re.DOTALL)
    return found


def _address(rest: str) -> dict[str, str]:
    found: dict[str, str] = {}
    # As libpq does: the login ends at the first '@' before the first '/', whatever stands between.
    login_end = re.match(r"[^@/]*@", rest)
    if login_end:
        user, _, password = login_end[0][:-1].partition(":")
        found |= {"user": _decoded(user), "password": _decoded(password)}
        rest = rest[login_end.end() :]
    address, _, query = rest.partition("?")
    authority, _, path = address.partition("/")
    if "@" in authority:
        raise ConninfoError("has more than one '@' before its host; write an '@' in a password as %40")
    hosts, ports = _hosts(authority, suspicious="@" in path)
    found |= {"host": _decoded(hosts), "port": _decoded(ports), "dbname": _decoded(path)}
    for piece in query.split("&") if query else []:
        key, equals, value = piece.partition("=")
        if not equals:
            raise ConninfoError("has a parameter without '=' after its '?'")
        found[_decoded(key)] = _decoded(value)
    if found.get("ssl") == "true":  # JDBC's spelling, which libpq takes too
        del found["ssl"]
        found["sslmode"] = "require"
    return found


def _hosts(authority: str, *, suspicious: bool) -> tuple[str, str]:
    hosts: list[str] = []
    ports: list[str] = []
    for piece in authority.split(","):
        match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]*))(?::([^:]*))?", piece)
        if match is None:
            raise ConninfoError("has a host that cannot be read; an IPv6 address is written in [brackets]")
        port = match[3] or ""
        if port and not port.isdecimal() and "%" not in port:
            hint = "; write a '/' in a password as %2F" if suspicious else ""
            raise ConninfoError(f"has a port that is not a number{hint}")
        hosts.append(match[1] or match[2] or "")
        ports.append(port)
    return ",".join(hosts), ",".join(ports) if any(ports) else ""


def _decoded(text: str) -> str:
    """Percent-decoded; a '%' that begins no code stays as it is, as asyncpg has it (libpq would refuse)."""
    written = text.strip(_SPACE).encode()
    raw = re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes.fromhex(match[1].decode()), written)
    decoded = raw.decode(errors="surrogateescape")
    if _is_broken(decoded):
        raise ConninfoError("holds a %xx code that is not UTF-8")
    return decoded


def _is_broken(text: str) -> bool:
    """Whether bytes that are not UTF-8 were smuggled in as surrogates."""
    return any("\ud800" <= char <= "\udfff" for char in text)


def host_list(parameters: Mapping[str, str]) -> tuple[list[str], list[int | None]]:
    """Hosts and as many ports (None: not given), or :class:`ConninfoError` when they do not fit together."""
    hosts = parameters["host"].split(",") if parameters.get("host") else []
    given = parameters["port"].split(",") if parameters.get("port") else []
    ports: list[int | None] = []
    for port in given:
        if port and not (re.fullmatch(r"[0-9]{1,5}", port.strip()) and 0 < int(port) < 65536):
            raise ConninfoError("has a port outside 1..65535")
        ports.append(int(port) if port else None)
    if len(ports) == 1 and hosts:
        ports *= len(hosts)
    if hosts and ports and len(ports) != len(hosts):
        raise ConninfoError(f"has {len(ports)} ports for {len(hosts)} hosts")
    if len(hosts) > 1 and "" in hosts:
        raise ConninfoError("has an empty name in its list of hosts")
    return hosts, ports or [None] * len(hosts)


def to_address(parameters: Mapping[str, str]) -> str:
    """The ``postgresql://`` form of ``parameters``, as libpq's programs take it.

    >>> to_address({'host': '/run/postgresql', 'dbname': 'devora', 'password': 'a b@', 'user': 'ana'})
    'postgresql://ana:a%20b%40@/devora?host=/run/postgresql'
    """
    rest = dict(parameters)
    user, password, dbname = (rest.pop(name, "") for name in ("user", "password", "dbname"))
    hosts, ports = host_list(rest)
    authority = ""
    if hosts and not any(host.startswith(("/", "@")) or not re.fullmatch(r"[\w.:-]+", host) for host in hosts):
        shown = [f"[{host}]" if ":" in host else host for host in hosts]
        authority = ",".join(
            host if port is None else f"{host}:{port}" for host, port in zip(shown, ports, strict=True)
        )
        rest.pop("host")
        rest.pop("port", None)
    login = ""
    if user or password:
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "") + "@"
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='/,:.')}" for name, value in rest.items() if value)
    path = f"/{quote(dbname, safe='')}" if dbname else "/" if query and not authority else ""
    return f"postgresql://{login}{authority}{path}" + (f"?{query}" if query else "")


def shown_name(name: str) -> str:
    """A parameter's name, fit for a message: a name that looks like anything else is not shown."""
    return f"'{one_line(name, 40)}'" if re.fullmatch(r"[A-Za-z_][\w.]{0,39}", name) else "a parameter"
