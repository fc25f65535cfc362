"""Bootstrap: what the guide's step 1.2 should have left, by connection and by psql."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest

from devora_console.config.secret import Dsn, Secret
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.schema import apply, bootstrap, bootstrap_sql, check, preflight
from devora_console.schema.scram import scram_verifier
from devora_console.schema.versions import LATEST
from tests.schema.conftest import Psql

PASSWORD = "pässwörd ' \\ \u00a0Ⅸ"


class Names:
    """Names that nobody uses, with all that quoting must survive."""

    def __init__(self) -> None:
        token = secrets.token_hex(3)
        self.database, self.owner, self.app = f'Devora "{token}"', f"owner-{token}'s", f"App {token}"


@pytest.fixture
async def names(postgres_admin: Dsn) -> AsyncIterator[Names]:
    """Names; what was made under them is dropped afterwards."""
    chosen = Names()
    yield chosen
    admin = await asyncpg.connect(postgres_admin.reveal())
    for template, name in (
        ("DROP DATABASE IF EXISTS %I WITH (FORCE)", chosen.database),
        ("DROP ROLE IF EXISTS %I", chosen.owner),
        ("DROP ROLE IF EXISTS %I", chosen.app),
    ):
        await admin.execute(await admin.fetchval("SELECT format($1::text, $2::text)", template, name))
    await admin.close()


async def test_an_owner_can_log_in_and_apply(postgres_admin: Dsn, names: Names) -> None:
    admin = await asyncpg.connect(postgres_admin.reveal())

    async def open_database(name: str) -> asyncpg.Connection:
        return await asyncpg.connect(postgres_admin.reveal(), database=name)

    async def run(password: Secret | None) -> tuple[str, ...]:
        result = await bootstrap(
            admin,
            open_database,
            database=names.database,
            owner=names.owner,
            owner_password=password,
            app_login=names.app,
            app_password=password,
        )
        assert result.problems == ()
        assert PASSWORD not in repr(result)
        return result.actions

    assert f"database {names.database} created" in await run(Secret(PASSWORD))
    assert await run(None) == ()
    assert await run(Secret(PASSWORD)) == (f"password of {names.owner} set", f"password of {names.app} set")

    async def login(user: str, password: str) -> asyncpg.Connection:
        return await asyncpg.connect(postgres_admin.reveal(), user=user, password=password, database=names.database)

    owner = await login(names.owner, PASSWORD)
    look = await preflight(owner)
    assert (look.ok, look.findings, look.superuser) == (True, (), False)
    assert len((await apply(owner)).applied) == LATEST
    assert (await check(owner)).verdict == "ok"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await login(names.owner, "wrong")

    application = await login(names.app, PASSWORD)
    await application.execute("SELECT set_config('app.user_id', gen_random_uuid()::text, false)")
    insert = (
        "INSERT INTO users (id, email, hashed_password) VALUES (current_setting('app.user_id')::uuid, 'a@b.c', 'x')"
    )
    await application.execute(insert)
    assert await application.fetchval("SELECT count(*) FROM users") == 1
    for connection in (admin, owner, application):
        await connection.close()


async def test_psql_prepares_the_same(postgres_admin: Dsn, names: Names, psql: Psql) -> None:
    text = bootstrap_sql(database=names.database, owner=names.owner, app_login=names.app)
    admin = await asyncpg.connect(postgres_admin.reveal())
    superuser = await admin.fetchval("SELECT current_user::text")
    for _ in range(2):
        code, _out, err = psql(postgres_admin, superuser, text)
        assert (code, err) == (0, "")
    owner = await asyncpg.connect(postgres_admin.reveal(), database=names.database)
    await owner.execute(await owner.fetchval("SELECT format('SET SESSION AUTHORIZATION %I', $1::text)", names.owner))
    assert (await preflight(owner)).findings == ()
    assert len((await apply(owner)).applied) == LATEST
    await owner.close()
    await admin.close()


async def test_refusals(postgres_admin: Dsn, owner_role: str) -> None:
    admin = await asyncpg.connect(postgres_admin.reveal())

    async def never(name: str) -> asyncpg.Connection:
        raise AssertionError(name)

    with pytest.raises(ConsoleError) as refusal:
        await bootstrap(admin, never, database="x", owner="app_user")
    assert (refusal.value.problem.code, refusal.value.exit_code) == ("role_clash", ExitCode.USAGE)
    await admin.execute(f'SET SESSION AUTHORIZATION "{owner_role}"')
    with pytest.raises(ConsoleError) as refusal:
        await bootstrap(admin, never, database="x", owner="y")
    assert refusal.value.problem.code == "not_superuser"
    await admin.close()
    with pytest.raises(ValueError, match="control character"):
        bootstrap_sql(database="x\n\\! reboot", owner="y")


def test_the_verifier_is_the_one_of_the_rfc() -> None:
    """RFC 7677, section 3: user 'user', password 'pencil'; stored and server key follow from its exchange."""
    salt = b"[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81"
    verifier = scram_verifier(Secret("pencil"), salt).reveal()
    assert verifier == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
