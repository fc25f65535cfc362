"""A stand-in for what no server here has: users with roles, and a mode that blocks writes.

It speaks MongoDB's wire protocol on two ports: who comes to the first is the administrator, to the second the
application. It is written to the manual, so that it shows whether our commands hold together and what a death in
between leaves behind; it is no proof of what a mongod does.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import bson
from bson.objectid import ObjectId

from tests.freeze import replies

Document = dict[str, Any]


class Double:
    """The state behind both ports. ``die_at`` names a command at which the connection is cut, before it is done, or
    with ``die_after`` when it is done already."""

    def __init__(self, *, replica_set: bool = False, version: tuple[int, int] = (7, 0)) -> None:
        self.replica_set, self.version = replica_set, version
        self.users: dict[tuple[str, str], list[Document]] = {
            ("admin", "admin"): [{"role": "userAdminAnyDatabase", "db": "admin"}],
            ("devora", "devora_db"): [{"role": "readWrite", "db": "devora_db"}],
        }
        self.own_roles: dict[tuple[str, str], list[Document]] = {}
        self.application: tuple[str, str] | None = ("devora", "devora_db")
        self.blocked = False
        self.refuses_block_mode = self.requires_login = False
        self.die_at = self.die_after = ""
        self.seen: list[str] = []
        self.collections: dict[str, list[Document]] = {}
        self._process = ObjectId()
        self.ports: tuple[int, int] = (0, 0)

    def urls(self) -> tuple[str, str]:
        """The administrator's and the application's."""
        admin, app = self.ports
        return (
            f"mongodb://127.0.0.1:{admin}/?directConnection=true",
            f"mongodb://127.0.0.1:{app}/?directConnection=true",
        )

    def answer(self, command: Document, account: tuple[str, str] | None) -> Document | None:
        """The reply, or None to cut the connection."""
        name = next(iter(command))
        self.seen.append(name)
        if name == self.die_at:
            return None
        handler = getattr(self, f"_{name.lower()}", None)
        if handler is None:
            return _error(59, "CommandNotFound", f"no such command: '{name}'")
        reply = cast(Document, handler(command, account))
        return None if name == self.die_after else {"ok": 1.0, **reply}

    def _hello(self, command: Document, account: object) -> Document:
        told: Document = {
            "helloOk": True,
            "isWritablePrimary": True,
            "ismaster": True,
            "maxBsonObjectSize": 16777216,
            "maxMessageSizeBytes": 48000000,
            "maxWriteBatchSize": 100000,
            "minWireVersion": 0,
            "maxWireVersion": 21,
            "readOnly": False,
            "topologyVersion": {"processId": self._process, "counter": bson.Int64(0)},
        }
        if self.replica_set:
            hosts = ["double:27017"]
            told |= {"setName": "rs0", "hosts": hosts, "primary": hosts[0], "me": hosts[0], "secondary": False}
        return told

    _ismaster = _hello

    def _ping(self, command: Document, account: object) -> Document:
        return {}

    _endsessions = _ping

    def _buildinfo(self, command: Document, account: object) -> Document:
        return {"version": ".".join(map(str, self.version)) + ".5", "versionArray": [*self.version, 5, 0]}

    def _serverstatus(self, command: Document, account: object) -> Document:
        return {"repl": {"userWriteBlockMode": 2 if self.blocked else 1}} if self.replica_set else {}

    def _setuserwriteblockmode(self, command: Document, account: object) -> Document:
        if self.refuses_block_mode or not self.replica_set:
            return _error(20, "IllegalOperation", "setUserWriteBlockMode cannot be run on standalones")
        self.blocked = command["global"]
        return {}

    def _connectionstatus(self, command: Document, account: tuple[str, str] | None) -> Document:
        users = [{"user": account[0], "db": account[1]}] if account else []
        info: Document = {"authenticatedUsers": users, "authenticatedUserRoles": []}
        if command.get("showPrivileges") and account:
            info["authenticatedUserPrivileges"] = self._privileges(account)
        return {"authInfo": info}

    def _privileges(self, account: tuple[str, str]) -> list[Document]:
        return [each for role in self.users[account] for each in self._role(role)["inheritedPrivileges"]]

    def _role(self, role: Document) -> Document:
        own = self.own_roles.get((role["role"], role["db"]))
        if own is not None:
            return replies.own_role(role["role"], role["db"], *own)
        return replies.role(role["role"], role["db"])

    def _usersinfo(self, command: Document, account: object) -> Document:
        asked = command["usersInfo"]
        wanted = [key for key in self.users if asked.get("forAllDBs") or key == (asked["user"], asked["db"])]
        found = []
        for key in wanted:
            told = {**replies.user(*key), "roles": self.users[key]}
            if command.get("showPrivileges"):
                told |= {"inheritedPrivileges": self._privileges(key)}
            found.append(told)
        return {"users": found}

    def _rolesinfo(self, command: Document, account: object) -> Document:
        return {"roles": [self._role(each) for each in command["rolesInfo"]]}

    def _updateuser(self, command: Document, account: object) -> Document:
        self.users[command["updateUser"], command["$db"]] = command["roles"]
        return {}

    def _listcollections(self, command: Document, account: object) -> Document:
        batch = [{"name": name, "type": "collection", "options": {}, "info": {}} for name in self.collections]
        return {"cursor": {"id": bson.Int64(0), "ns": "devora_db.$cmd.listCollections", "firstBatch": batch}}

    def _insert(self, command: Document, account: tuple[str, str] | None) -> Document:
        name = command["insert"]
        if account is None and self.requires_login:
            return _error(13, "Unauthorized", "Command insert requires authentication")
        if self.blocked:
            return _error(371, "UserWritesBlocked", "User writes blocked")
        if account is not None and not any(
            "insert" in each["actions"] and each["resource"]["db"] in ("", command["$db"])
            and each["resource"]["collection"] in ("", name)
            for each in self._privileges(account)
        ):  # fmt: skip
            return _error(13, "Unauthorized", f"not authorized on {command['$db']} to execute command")
        self.collections.setdefault(name, []).extend(command["documents"])
        return {"n": len(command["documents"])}

    def _find(self, command: Document, account: object) -> Document:
        held = self.collections.get(command["find"], [])
        key = command.get("filter", {}).get("_id")
        batch = [each for each in held if key is None or each["_id"] == key]
        return {"cursor": {"id": bson.Int64(0), "ns": "devora_db.x", "firstBatch": batch}}

    def _delete(self, command: Document, account: object) -> Document:
        key = command["deletes"][0]["q"]["_id"]
        held = self.collections[command["delete"]]
        self.collections[command["delete"]] = [each for each in held if each["_id"] != key]
        return {"n": 1}

    def _drop(self, command: Document, account: object) -> Document:
        self.collections.pop(command["drop"])
        return {}


def _error(code: int, name: str, words: str) -> Document:
    return {"ok": 0.0, "code": code, "codeName": name, "errmsg": words}


class _Port(socketserver.StreamRequestHandler):
    """One connection: OP_MSG, and OP_QUERY for the first greeting."""

    server: _Server

    def handle(self) -> None:
        while len(header := self.rfile.read(16)) == 16:
            length, request, _, kind = struct.unpack("<iiii", header)
            body = self.rfile.read(length - 16)
            reply = self.server.double.answer(_message(body) if kind == 2013 else _query(body), self.server.account())
            if reply is None:
                return
            told = bson.encode(reply)
            if kind == 2013:
                packed, code = struct.pack("<IB", 0, 0) + told, 2013
            else:
                packed, code = struct.pack("<iqii", 8, 0, 0, 1) + told, 1
            self.wfile.write(struct.pack("<iiii", 16 + len(packed), 1, request, code) + packed)


def _query(body: bytes) -> Document:
    return bson.decode(body[body.index(b"\x00", 4) + 9 :])


def _message(body: bytes) -> Document:
    position, command, more = 4, {}, {}
    while position < len(body):
        kind = body[position]
        (size,) = struct.unpack_from("<i", body, position + 1)
        part = body[position + 1 : position + 1 + size]
        position += 1 + size
        if kind == 0:
            command = bson.decode(part)
        else:
            end = part.index(b"\x00", 4)
            more[part[4:end].decode()] = bson.decode_all(part[end + 1 :])
    return command | more


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, double: Double, *, admin: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Port)
        self.double, self.admin = double, admin

    def account(self) -> tuple[str, str] | None:
        """As whom connections of this port are logged in."""
        if self.admin and self.double.application is not None:
            return ("admin", "admin")
        return self.double.application


@contextmanager
def serving(double: Double) -> Iterator[Double]:
    """Both ports, until the end."""
    servers = _Server(double, admin=True), _Server(double, admin=False)
    for each in servers:
        threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True).start()
    double.ports = (servers[0].server_address[1], servers[1].server_address[1])
    try:
        yield double
    finally:
        for each in servers:
            each.shutdown()
            each.server_close()
