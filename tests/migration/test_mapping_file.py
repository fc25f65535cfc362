"""Mapping files: every slip is named by file, line and key, with the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.mapping_file import builtin_mapping, load_mapping, parse_mapping
from tests.migration.world import World, dry_run

_GOOD = """
format = 1
name = "x"

[[collections]]
name = "users"
policy = "map"
table = "users"
key = { column = "id", type = "uuid", path = "/id" }
[collections.columns]
email = { type = "text", path = "/email" }
created_at = { type = "timestamptz", path = "/created_at", missing = "objectid_time" }

[[collections]]
name = "conversations"
policy = "map"
table = "conversations"
key = { column = "id", type = "uuid", path = "/id" }
[collections.columns]
user_id = { type = "uuid", path = "/user_id", references = { collection = "users" } }
last_message_at = { type = "timestamptz", compute = "latest", of = "/messages", field = "/timestamp" }
[[collections.children]]
path = "/messages"
table = "messages"
parent = "conversation_id"
ordinal = "ordinal"
key = { column = "id", type = "uuid", path = "/id", derive = true }
[collections.children.columns]
content = { type = "text", path = "/content" }
timestamp = { type = "timestamptz", path = "/timestamp" }
"""


def _message(text: str) -> str:
    with pytest.raises(ConsoleError) as caught:
        parse_mapping(text, "m.toml")
    assert caught.value.exit_code is ExitCode.USAGE
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_good_one_is_good() -> None:
    mapping = parse_mapping(_GOOD, "m.toml")
    assert [each.name for each in mapping.mapped()] == ["users", "conversations"]
    assert len(mapping.hash) == 16


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("format = 1", "format = 2", "m.toml:2: format: Input should be 1"),
        ('name = "x"', "name =", "m.toml: Invalid value"),
        ('{ type = "text", path = "/email" }', '{ type = "text", pth = "/email" }',
         "m.toml:11: collections[users].columns.email.pth: unknown key. Did you mean 'path'?"),
        ('type = "text", path = "/email"', 'type = "txt", path = "/email"',
         "m.toml:11: collections[users].columns.email.type: Input should be 'text', 'uuid'"),
        ('path = "/email"', 'path = "email"',
         "m.toml:11: collections[users].columns.email.path: a JSON Pointer starts with '/'"),
        ('path = "/email"', 'path = "/email", constant = 1',
         "m.toml: collection 'users': column 'email' needs exactly one of path, compute, constant, parent"),
        ('name = "conversations"', 'name = "users"', "m.toml: collection 'users' stands twice. Keep one of the two"),
        ('policy = "map"\ntable = "users"', 'policy = "map"',
         "m.toml: collection 'users': policy 'map' needs 'table' and 'key'"),
        ('type = "uuid", path = "/id" }\n[collections.columns]\nemail', 'type = "uuid" }\n[collections.columns]\nemail',
         "collection 'users': the key of a document needs a 'path' and cannot be derived"),
        ('collection = "users"', 'collection = "usrs"',
         "column 'user_id' refers to 'usrs', which is not mapped. Did you mean 'users'?"),
        ('references = { collection = "users" }', 'references = { collection = "conversations", dangling = "nul" }',
         "references.dangling: Input should be 'quarantine' or 'null'"),
        ('"/created_at", missing = "objectid_time"', '"/created_at", missing = "owner"',
         "column 'created_at' says 'owner' but there is no owner"),
        ('path = "/email" }', 'path = "/email", missing = { value = 5 } }',
         "column 'email': 5 is no text (expected text, found an integer)"),
        ('path = "/email" }', 'path = "/email", missing = "objectid_time" }',
         "column 'email': 'objectid_time' is for timestamptz columns"),
        ('path = "/email" }', 'path = "/email", missing = { from = "/email" } }',
         "column 'email': 'from' leads to a field that is itself taken from one"),
        ('field = "/timestamp"', 'field = "/time"',
         "column 'last_message_at': 'latest' is a timestamptz, of an array's timestamptz field"),
        ('compute = "latest", of = "/messages", field = "/timestamp"', 'compute = "octets", of = "/x"',
         "column 'last_message_at': 'octets' is an int4 of a text column beside it"),
        ('ordinal = "ordinal"', 'ordinal = "content"', "array /messages gives column 'content' twice"),
        ('table = "messages"', 'table = "users"', "table 'users' has rows of another array or collection"),
        ('content = { type = "text", path = "/content" }', 'content = { type = "text", parent = "titel" }',
         "column 'content': no column 'titel' in the parent"),
        ('path = "/id", derive = true', "derive = false", "array /messages: the key needs a 'path', or derive = true"),
        ('content = { type = "text", path = "/content" }',
         'content = { type = "uuid", path = "/c", references = { collection = "users" } }',
         "column 'content': elements of an array cannot refer to other documents"),
    ],
)  # fmt: skip
def test_slips_word_by_word(old: str, new: str, expected: str) -> None:
    assert old in _GOOD
    assert expected in _message(_GOOD.replace(old, new, 1))


def test_parents_come_first() -> None:
    head, users, conversations = _GOOD.partition("[[collections]]")[0], *_GOOD.split("[[collections]]")[1:]
    text = f"{head}[[collections]]{conversations}[[collections]]{users}"
    assert "'users' must stand before it, parents come before children" in _message(text)


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        ('collection = "nobody"', "its owner 'nobody' must stand before it"),
        ('collection = "users"', "users.conversation_id is no reference to it"),
    ],
)
def test_owners(owner: str, expected: str) -> None:
    text = _GOOD.replace('path = "/user_id", ref', 'path = "/user_id", missing = "owner", ref')
    text += f'[collections.owner]\n{owner}\nreference = "conversation_id"\ntake = {{ user_id = "id" }}\n'
    assert expected in _message(text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    for path, words in (
        (tmp_path / "nowhere.toml", "No such file"),
        (binary, "not UTF-8"),
        (folder, "Is a directory"),
    ):
        with pytest.raises(ConsoleError) as caught:
            load_mapping(path)
        assert caught.value.exit_code is ExitCode.USAGE
        assert words in str(caught.value)
        assert str(path) in str(caught.value)


def test_the_built_in_mapping_is_good() -> None:
    mapping = builtin_mapping()
    assert load_mapping(None).hash == mapping.hash
    assert ("hashed_password",) in mapping.secret_paths("users")
    assert ("stripe_api_key",) in mapping.secret_paths("system_config")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('table = "users"', 'table = "usrs"', "table_missing"),
        ("email = {", "e_mail = {", "column_missing"),
        ('email = { type = "text"', 'email = { type = "bool"', "column_type"),
        (
            'user_id = { type = "uuid", path = "/user_id", references = { collection = "users" } }\n',
            "",
            "column_unmapped",
        ),
        ('ordinal = "ordinal"', 'ordinal = "search_vector"', "column_type"),
    ],
)
async def test_a_mapping_that_does_not_fit_the_target(old: str, new: str, code: str, target: Dsn, folder: Path) -> None:
    rest = 'title = { type = "text", path = "/title" }\nlast_message_at'
    text = _GOOD.replace("email = {", 'hashed_password = { type = "text", path = "/p" }\nemail = {').replace(
        "last_message_at", rest
    )
    text = text.replace("content = {", 'role = { type = "text", path = "/role" }\ncontent = {')
    World.of().write(folder)
    await dry_run(target, folder, mapping=parse_mapping(text, "m.toml"))
    assert old in text
    with pytest.raises(ConsoleError) as caught:
        await dry_run(target, folder, mapping=parse_mapping(text.replace(old, new, 1), "m.toml"))
    assert (caught.value.exit_code, caught.value.problem.code) == (ExitCode.USAGE, code)


async def test_a_collection_that_earlier_runs_put_elsewhere(target: Dsn, folder: Path) -> None:
    from tests.migration.world import execute

    World.of().write(folder)
    await execute(target, folder)
    text = _GOOD.replace('policy = "map"\ntable = "users"', 'policy = "archive"')
    with pytest.raises(ConsoleError) as caught:
        await dry_run(target, folder, mapping=parse_mapping(_archived(text), "m.toml"))
    assert (caught.value.exit_code, caught.value.problem.code) == (ExitCode.USAGE, "mapping_moved")


def _archived(text: str) -> str:
    head, _, _ = text.partition("[[collections]]")
    return head + '[[collections]]\nname = "users"\npolicy = "archive"\n'
