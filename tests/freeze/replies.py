"""Replies as the manual documents them: rolesInfo and usersInfo with showPrivileges, MongoDB 4.4 to 8.0.

``read`` and ``readWrite`` are listed in full as the manual has them; of larger roles what matters here is.
"""

from __future__ import annotations

from typing import Any

READ = [
    *("changeStream", "collStats", "dbHash", "dbStats", "find", "killCursors", "listCollections", "listIndexes"),
    "planCacheRead",
]
WRITE = [
    *("convertToCapped", "createCollection", "createIndex", "dropCollection", "dropIndex", "emptycapped", "insert"),
    *("remove", "renameCollectionSameDB", "update"),
]
ADMIN = ["bypassDocumentValidation", "collMod", "createCollection", "dropCollection", "dropDatabase", "validate"]
USERS = ["createRole", "createUser", "dropUser", "grantRole", "revokeRole", "viewRole", "viewUser"]


def on(db: str, collection: str, actions: list[str]) -> dict[str, Any]:
    """A privilege."""
    return {"resource": {"db": db, "collection": collection}, "actions": actions}


def privileges(role: str, db: str) -> list[dict[str, Any]]:
    """What a built-in role allows."""
    everywhere = {"anyResource": True}
    cluster = {"resource": {"cluster": True}, "actions": ["listDatabases", "serverStatus", "top", "inprog"]}
    table = {
        "read": [on(db, "", READ), on(db, "system.js", READ)],
        "readWrite": [on(db, "", READ + WRITE), on(db, "system.js", READ + WRITE)],
        "dbAdmin": [on(db, "", ADMIN), on(db, "system.profile", [*READ, "dropCollection"])],
        "userAdmin": [on(db, "", USERS)],
        "dbOwner": [on(db, "", READ + WRITE + ADMIN + USERS)],
        "readAnyDatabase": [on("", "", READ), cluster],
        "readWriteAnyDatabase": [on("", "", READ + WRITE), cluster],
        "dbAdminAnyDatabase": [on("", "", ADMIN)],
        "userAdminAnyDatabase": [on("", "", USERS), cluster],
        "clusterMonitor": [on("", "", ["collStats", "dbStats", "indexStats"]), cluster],
        "backup": [on("", "", READ), on("admin", "mms.backup", ["insert", "update"]), cluster],
        "root": [on("", "", READ + WRITE + ADMIN + USERS), cluster],
        "__system": [{"resource": everywhere, "actions": ["anyAction"]}],
    }
    return table[role]


def role(name: str, db: str) -> dict[str, Any]:
    """A document of rolesInfo for a built-in role."""
    return {
        "_id": f"{db}.{name}",
        "role": name,
        "db": db,
        "isBuiltin": True,
        "roles": [],
        "inheritedRoles": [],
        "privileges": privileges(name, db),
        "inheritedPrivileges": privileges(name, db),
    }


def own_role(name: str, db: str, *allowed: dict[str, Any]) -> dict[str, Any]:
    """A document of rolesInfo for a role of a site's own."""
    return {**role("read", db), "role": name, "isBuiltin": False, "inheritedPrivileges": list(allowed)}


def user(name: str, db: str, *roles: tuple[str, str]) -> dict[str, Any]:
    """A document of usersInfo."""
    return {
        "_id": f"{db}.{name}",
        "userId": b"\x00" * 16,
        "user": name,
        "db": db,
        "mechanisms": ["SCRAM-SHA-1", "SCRAM-SHA-256"],
        "roles": [{"role": each, "db": where} for each, where in roles],
    }
