"""A bulk load by hand on older servers; 18 is every other test.

The plain run asks the oldest; DEVORA_TEST_MATRIX=all asks every version from 14 on.
"""

from __future__ import annotations

import os

import asyncpg
import pytest

from devora_console import schema
from devora_console.core.problems import ConsoleError
from devora_console.migration.setaside import bring_back, set_aside, validate
from devora_console.migration.vectors import targets
from tests.migration.bulk import all_back, assert_no_drift, fill_all, load, named, triggers_back
from tests.migration.world import TABLES
from tests.schema.old_servers import VERSIONS, server

ASKED = sorted(VERSIONS) if os.environ.get("DEVORA_TEST_MATRIX") == "all" else [min(VERSIONS)]


@pytest.mark.matrix
@pytest.mark.parametrize("major", ASKED)
async def test_the_whole_walk(major: int) -> None:
    with server(major) as dsn:
        connection = await asyncpg.connect(dsn.reveal())
        await schema.apply(connection)
        aside = await set_aside(connection, TABLES)
        assert aside.left == ()
        assert len(aside.things) > 30
        await load(connection, 300)
        await triggers_back(connection)
        for table in await targets(connection, TABLES):
            assert (table.live, table.left) == (True, 300)
            assert await fill_all(connection, table) == 300
        plan = await connection.fetch(
            "EXPLAIN UPDATE messages SET content = content WHERE ctid >= '(0,0)' AND ctid < '(2,0)'"
        )
        assert any("Tid Range Scan" in row[0] for row in plan)

        # What the reports are made of differs between versions, too.
        await connection.execute("UPDATE users SET stripe_customer_id = 'same' WHERE email LIKE 'user1%'")
        with pytest.raises(ConsoleError, match="1 key held by 111 rows of users"):
            await bring_back(connection, await named(connection, "users_stripe_customer_id_key"))
        await connection.execute("UPDATE users SET stripe_customer_id = NULL")
        key = await named(connection, "system_config_updated_by_fkey")
        await connection.execute("UPDATE system_config SET updated_by = gen_random_uuid()")
        await bring_back(connection, key)
        with pytest.raises(ConsoleError, match="1 row of system_config without the row of users"):
            await validate(connection, key)
        await connection.execute("UPDATE system_config SET updated_by = NULL")
        await all_back(connection)
        await assert_no_drift(connection)
        await connection.close()
