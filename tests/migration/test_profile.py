"""The profile of a source: counted exactly, hostile or not, within bounded memory, and without anybody's secrets."""

from __future__ import annotations

import json
import random
import struct
import time
import tomllib
import tracemalloc
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bson
import pytest
from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.regex import Regex
from bson.timestamp import Timestamp

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.snapshot import to_json
from devora_console.core.unknown import Unknown
from devora_console.demo.data import Scale, write_dump
from devora_console.migration import profile as profile_module
from devora_console.migration.mapping import Collection, Mapping, Policy
from devora_console.migration.mapping_file import builtin_mapping, parse_mapping
from devora_console.migration.profile import Options, profile
from devora_console.migration.profile_findings import headline
from devora_console.migration.profile_paths import Limits, Tree
from devora_console.migration.profile_shape import paths_of
from devora_console.migration.profile_snapshot import CollectionProfile, Level, PathProfile, Profile
from devora_console.mongo.sampling import Draw, SampleKind, even, first, whole
from devora_console.mongo.source import CollectionInfo, open_source
from tests.migration.world import DATABASE, World, conversation, invoice, message, oid, project, uid, user

MAPPING = """
format = 1
name = "small"
[[collections]]
name = "things"
policy = "map"
table = "things"
key = { column = "id", type = "text", path = "/id" }
source_id = "source_id"
extra = "source_extra"
[collections.columns]
"""


def look(
    folder: Path,
    mapping: Mapping | None = None,
    *,
    sample: int | None = None,
    options: Options | None = None,
) -> Profile:
    """Profile a dump folder."""
    source = open_source(str(folder), DATABASE)

    def draw(info: CollectionInfo, batch_bytes: int) -> Draw:
        return whole(source, info, 5_000) if sample is None else even(source, info, sample, 5_000)

    return profile(source, mapping or builtin_mapping(), draw, options or Options(), lambda *_: None)


def of(found: Profile, name: str) -> CollectionProfile:
    """One collection's profile."""
    return next(each for each in found.collections if each.name == name)


def at(each: CollectionProfile, path: str) -> PathProfile:
    """One path's profile."""
    return next(profiled for profiled in each.paths if profiled.path == path)


def said(each: CollectionProfile) -> dict[tuple[str, str], tuple[str, int]]:
    """(code, path) to (level, count) of a collection's findings."""
    return {(f.code, f.path): (f.level, f.count) for f in each.findings}


def shape(documents: list[dict[str, Any]], limits: Limits | None = None) -> dict[str, PathProfile]:
    """Path to profile of documents of a collection without a mapping."""
    tree = Tree((), (), limits)
    for start in range(0, len(documents), 100):
        tree.take(documents[start : start + 100])
    return {path.path: path for path in paths_of(tree, Collection("x", Policy.ARCHIVE))}


# ── the histogram ─────────────────────────────────────────────────────────────────────────────────────────────


def test_every_type_is_counted_under_mongodbs_name(folder: Path) -> None:
    values = {
        "minKey": MinKey(), "double": 1.5, "string": "s", "object": {"a": 1}, "array": [1], "binData(0)": b"x",
        "binData(3)": Binary(b"x" * 16, 3), "binData(4)": Binary(b"x" * 16, 4), "binData(128)": Binary(b"x", 128),
        "objectId": oid(1), "bool": True, "date": DatetimeMS(10**15), "null": None, "regex": Regex("a", "i"),
        "javascript": Code("f"), "javascriptWithScope": Code("f", {}), "int": 5, "timestamp": Timestamp(1, 2),
        "long": Int64(5), "decimal": Decimal128("1"), "maxKey": MaxKey(),
    }  # fmt: skip
    documents: list[dict[str, Any] | bytes] = [{"_id": n, "v": value} for n, value in enumerate(values.values())]
    documents.append({"_id": 98, "v": DBRef("users", 1)})
    for element in (b"\x06v\0", b"\x0ev\0\x02\0\0\0s\0", b"\x0cv\0\x02\0\0\0s\0" + bytes(12)):
        body = b"\x10_id\0\x63\0\0\0" + element
        documents.append(struct.pack("<i", len(body) + 5) + body + b"\0")
    World({"odd": documents}).write(folder)
    found = of(look(folder), "odd")
    expected = Counter(dict.fromkeys(values, 1)) + Counter({"object": 1, "undefined": 1, "symbol": 1, "dbPointer": 1})
    assert at(found, "/v").types == expected
    assert at(found, "/v").null == 1
    assert said(found)["deprecated_type", ""] == (Level.WARNS, 3)
    assert at(found, "/v/$ref").types == {"string": 1}


def test_present_missing_and_null_are_three_things() -> None:
    found = shape([{"a": 1, "n": {"x": 1}}, {"a": None, "n": {}}, {"n": None}, {"n": {"x": None}}])
    a, x = found["/a"], found["/n/x"]
    assert (a.of, a.present, a.missing, a.null) == (4, 2, 2, 1)
    assert (x.of, x.present, x.missing, x.null) == (3, 2, 1, 1)


def test_elements_stand_under_a_star() -> None:
    found = shape([{"m": [{"c": "a"}, {"c": "bb", "d": 1}]}, {"m": []}, {"m": [{"d": 2}, 7, None]}, {}])
    assert found["/m/*"].types == {"object": 3, "int": 1, "null": 1}
    assert (found["/m/*/c"].of, found["/m/*/c"].missing) == (3, 1)
    arrays = found["/m"].arrays
    assert arrays is not None
    assert (arrays.count, arrays.shortest, arrays.longest, arrays.mean) == (3, 0, 3, 1.67)


def test_strings_dates_and_numbers_are_measured() -> None:
    texts = ["2024-05-01T10:00:00Z", "2024-05-01 10:00:00.5+02:00", "2024-05-01T10:00", "2024-05-01", "x" * 300, ""]
    numbers = [1, 2.0, Int64(2**60), Decimal128("-7.5"), float("nan"), 0.5, Decimal128("Infinity"), True]
    found = shape([{"t": text, "u": uid(text)} for text in texts] + [{"n": number} for number in numbers])
    strings, count = found["/t"].strings, found["/n"].numbers
    assert strings is not None
    assert count is not None
    assert (strings.iso_zoned, strings.iso_naive, strings.iso_not) == (2, 1, 3)
    assert (strings.shortest, strings.longest, strings.uuids) == (0, 300, 0)
    assert found["/u"].strings is not None
    assert found["/u"].strings.uuids == 6
    assert (count.count, count.high, str(count.low)) == (7, 2**60, "-7.5")
    assert (count.integral, count.fractions, count.not_finite) == (False, 1, 2)
    whole_numbers = shape([{"n": 1.0}, {"n": 2.0}])["/n"].numbers
    assert whole_numbers is not None
    assert whole_numbers.integral is True


# ── values: shown only where they are nobody's ────────────────────────────────────────────────────────────────


def test_a_few_marks_that_come_back_are_shown() -> None:
    found = shape([{"s": ("paid", "open", "payé")[n % 3], "twelve": f"v{n % 12}"} for n in range(36)])
    assert found["/s"].values == {"open": 12, "paid": 12, "payé": 12}
    assert found["/twelve"].distinct == 12
    assert len(found["/twelve"].values or ()) == 12


@pytest.mark.parametrize(
    ("value", "distinct"),
    [
        (lambda n: f"v{n % 13}", 13),  # too many
        (lambda n: f"v{n}", "many"),
        (lambda n: "x" * (41 + n % 2), 2),  # too long
        (lambda n: ("Ana Petit", "Bob Durand")[n % 2], 2),  # what people wrote
        (lambda n: ("ana@example.org", "b@example.org")[n % 2], 2),
        (lambda n: ("sk_live_1", "ghp_2")[n % 2], 2),
        (lambda n: "$2b$12$abcdefghijk", 1),
        (lambda n: "a1b2c3d4e5f6g7h8i9", 1),
        (lambda n: uid("session"), 1),
        (lambda n: "+33 6 12 34 56 78", 1),
    ],
)
def test_other_values_are_counted_and_not_shown(value: Any, distinct: object) -> None:
    found = shape([{"field": value(n)} for n in range(60)])["/field"]
    assert found.values is None
    assert found.distinct == distinct


def test_values_that_hardly_come_back_are_somebodys_own() -> None:
    assert shape([{"label": name} for name in ("ana", "bob", "ana")])["/label"].values is None


SECRETS = ("hunter2", "topsecret", "blau", "42424242", "ana@example.org", "tok-en", "opensesame", "4711")


def test_no_secret_is_in_the_profile(folder: Path) -> None:
    document = {
        "password": "hunter2",
        "nested": {"apiKey": "topsecret", "list": [{"access_token": "tok-en"}] * 3},
        "pin": 42424242,
        "credentials": {"inner": "opensesame", "number": 4711},
        "contact": "ana@example.org",
        "by_person": {"ana@example.org": {"role": "admin"}},
        "kind": "blau",  # a secret of the mapping's
    }
    World(
        {"things": [{"_id": n, "id": f"t{n}"} | document for n in range(30)], "loose": [{"_id": 1} | document] * 9}
    ).write(folder)
    mapping = parse_mapping(MAPPING + 'kind = { type = "text", path = "/kind", secret = true }\n', "test")
    found = look(folder, mapping)
    told = json.dumps(to_json(found), ensure_ascii=False) + headline(found)
    leaks = {secret for secret in SECRETS if secret in told}
    assert leaks == {"blau"}  # in the collection that no mapping speaks of
    assert at(of(found, "things"), "/kind").hidden
    assert "blau" not in json.dumps(to_json(of(found, "things")))
    assert at(of(found, "things"), "/by_person/*/role").values == {"admin": 30}
    proposal = next(each for each in of(found, "loose").proposals if "policy" in each.toml)
    assert {"/password", "/nested/apiKey", "/credentials"} <= set(
        tomllib.loads(proposal.toml)["collections"][0]["secrets"]
    )


def test_a_map_hides_its_values_once_a_name_is_private() -> None:
    documents = [{"m": {f"word{'abcdefghij'[n % 10]}{'abcdefghij'[n // 10]}": "seen"}} for n in range(100)]
    limits = Limits(names=20)
    assert shape(documents, limits)["/m/*"].values == {"seen": 100}
    assert shape([*documents, {"m": {"my_password": "seen"}}], limits)["/m/*"].values is None
    assert shape([{"m": {"my_password": "seen"}}, *documents], limits)["/m/*"].values is None
    counted = [{"m": dict.fromkeys(document["m"], 5)} for document in documents]
    for more, low in (({}, 5), ({"my_pin": 4711}, None)):
        numbers = shape([*counted, {"m": more}], limits)["/m/*"].numbers
        assert numbers is not None
        assert numbers.low == numbers.high == low


# ── documents as maps ─────────────────────────────────────────────────────────────────────────────────────────


def test_names_that_are_data_are_one_path_from_the_start() -> None:
    names = ("2024-05-01", "42", "ana@example.org", uid("x"), str(oid(1)), "x" * 80, "*")
    found = shape([{"by": {name: {"n": 1}}} for name in names])
    assert set(found) == {"/by", "/by/*", "/by/*/n"}
    assert found["/by"].map_keys == len(names)
    assert found["/by/*/n"].present == len(names)


def test_ever_new_names_become_one_path_and_regular_fields_stay() -> None:
    chance = random.Random(1)  # noqa: S311 - must repeat, guards nothing
    documents = [
        {"_id": n, "status": "a", **{"".join(chance.choices("abcdefgh", k=12)): {"v": n} for _ in range(3)}}
        for n in range(2000)
    ]
    found = shape(documents)
    assert set(found) == {"/_id", "/status", "/*", "/*/v"}
    assert found["/*"].present == found["/*/v"].present == 6000
    assert found["/status"].present == 2000
    numbers = found["/*/v"].numbers
    assert numbers is not None
    assert (numbers.low, numbers.high) == (0, 1999)


def test_paths_are_bounded_and_every_value_is_counted() -> None:
    chance = random.Random(2)  # noqa: S311 - must repeat, guards nothing
    names = ["".join(chance.choices("abcdefgh", k=10)) for _ in range(60)]
    tree = Tree((), (), Limits(names=50, paths=100))
    for _ in range(20):
        tree.take([{chance.choice(names): {chance.choice(names): {chance.choice(names): 1}}} for _ in range(100)])
    assert tree.paths <= 200
    nodes = list(tree.nodes())
    for depth in (1, 2, 3):
        assert sum(node.values.present for path, node, _ in nodes if len(path) == depth) == 2000


def test_memory_is_bounded_for_a_source_of_maps(folder: Path) -> None:
    chance = random.Random(3)  # noqa: S311 - must repeat, guards nothing

    def document(number: int) -> dict[str, Any]:
        word = "".join(chance.choices("abcdefghijkl", k=14))
        return {"_id": number, word: {word[::-1]: [{word[3:]: word}]}}

    World({"maps": [document(number) for number in range(20_000)]}).write(folder)
    look(folder)  # what is allocated once for good
    tracemalloc.start()
    found = look(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert of(found, "maps").documents == 20_000
    assert peak < 4_000_000
    assert len(to_json(found)["collections"][0]["paths"]) < 20  # type: ignore[call-overload,index,arg-type]


def test_a_hundred_levels_are_looked_at(folder: Path) -> None:
    inner: dict[str, Any] = {"end": 1}
    for _ in range(140):
        inner = {"d": inner}
    World({"users": [user(1, deep=inner)]}).write(folder)
    found = of(look(folder), "users")
    assert said(found)["deep", ""] == (Level.NOTES, 1)
    assert max(path.path.count("/") for path in found.paths) == 100


# ── hostile values ────────────────────────────────────────────────────────────────────────────────────────────


def _with(document: dict[str, Any], more: bytes) -> bytes:
    body = bson.encode(document)[4:-1] + more
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def test_hostile_documents_are_counted_and_stop_nothing(folder: Path) -> None:
    deepest: dict[str, Any] = {}
    for _ in range(900):
        deepest = {"d": deepest}
    world = World.of(6)
    world.collections["users"] += [
        _with(user(50), b"\x02email\0\x02\0\0\0x\0"),
        _with(user(51), b"\x02note\0\x03\0\0\0\xff\xfe\0"),
        _with(user(52), b"\x06undef\0"),
        _with(user(53), b"\x02bad\0\xff\x01\0\0x\0"),
        _with(user(54), b"\x44odd\0"),
        user(55, created_at=DatetimeMS(-62_150_000_000_000)),
        user(56, full_name="nul\x00", score=float("nan"), ratio=Decimal128("Infinity")),
        user(57, deep=deepest),
        {key: value for key, value in user(58).items() if key != "_id"},
        user(59, _id="x" * 5000),
    ]
    world.write(folder)
    found = of(look(folder), "users")
    findings = said(found)
    for code, count in {
        "not_bson": 2, "duplicate_keys": 1, "invalid_utf8": 1, "deprecated_type": 1, "too_deep": 1, "id_missing": 1,
        "id_too_long": 1,
    }.items():  # fmt: skip
        assert findings[code, ""] == (Level.BLOCKS, count), code
    assert findings["date_beyond", "/created_at"] == (Level.NOTES, 1)
    assert findings["nul", "/full_name"] == (Level.NOTES, 1)
    assert findings["not_finite", "/score"] == findings["not_finite", "/ratio"] == (Level.NOTES, 1)
    assert (found.documents, found.refused) == (16, 8)
    assert at(found, "/id").present == 14  # all but what is no BSON


def test_damage_in_an_archived_collection_blocks_nothing(folder: Path) -> None:
    World({"other": [_with({"_id": 1}, b"\x44odd\0"), {"_id": 2}]}).write(folder)
    found = look(folder)
    assert said(of(found, "other"))["not_bson", ""] == (Level.WARNS, 1)
    assert of(found, "other").refused == 0


# ── against the mapping ───────────────────────────────────────────────────────────────────────────────────────


def test_the_planted_anomalies_of_the_demo_are_found(tmp_path: Path) -> None:
    truth = write_dump(tmp_path / "dump", DATABASE, Scale.SMALL, 3, hostile=True)
    planted = {(each.collection, each.name): each.count for each in truth.anomalies}
    found = look(tmp_path / "dump")
    users, projects = of(found, "users"), of(found, "projects")
    conversations, invoices = of(found, "conversations"), of(found, "invoices")
    assert users.refused == planted["users", "invalid_utf8"]
    rules = {column.column: dict(column.converted) for column in users.columns}
    assert rules["is_admin"]["default"] == planted["users", "is_admin_missing"]
    assert rules["created_at"]["naive_as_utc"] == planted["users", "created_at_naive"]
    assert rules["created_at"]["objectid_time"] == planted["users", "created_at_missing"]
    assert rules["updated_at"]["from_field"] == planted["users", "updated_at_missing"]
    assert rules["subscription_status"]["stripe_status"] == planted["users", "status_stripe_outside"]
    blocking = {key: count for key, (level, count) in said(projects).items() if level is Level.BLOCKS}
    assert blocking == {
        ("duplicate_keys", ""): planted["projects", "duplicate_keys"],
        ("bad_uuid", "/id"): planted["projects", "id_not_uuid"],
        ("not_null", "/name"): planted["projects", "name_null"],
        ("reference_missing", "/user_id"): planted["projects", "user_id_missing"],
        ("unique_contender", "/id"): 2 * planted["projects", "id_duplicate"],
    }
    orphans = {each.path: each.orphans for each in projects.references}
    assert orphans["/user_id"] == planted["projects", "orphan_user"]
    assert orphans["/conversation_id"] == planted["projects", "conversation_dangling"]
    arrays = next(dict(column.converted) for column in projects.columns if column.column == "*")
    assert [arrays[f"array_{how}"] for how in ("null", "missing", "wrapped")] == [1, 1, 1]
    assert said(conversations)["owner_missing", "/user_id"][1] == planted["conversations", "unlinked"]
    assert said(conversations)["owner_ambiguous", "/user_id"][1] == planted["conversations", "two_owners"]
    assert said(conversations)["not_null", "/messages/*/content"][1] == planted["conversations", "content_null"]
    assert said(invoices)["bad_number", "/amount"][1] == planted["invoices", "amount_nan"]
    assert said(invoices)["reference_missing", "/user_id"][1] == planted["invoices", "orphan_user"]
    assert said(invoices)["repeated", "/stripe_invoice_id"][1] == 2 * planted["invoices", "redelivered"]
    assert found.blocked


def test_a_clean_source_has_nothing_that_blocks(folder: Path) -> None:
    World.of(5).write(folder)
    found = look(folder)
    assert not found.blocked
    assert all(each.refused == 0 for each in found.collections)


def test_what_no_column_takes_is_named_once(folder: Path) -> None:
    world = World.of(3)
    world.get("conversations", 0)["messages"][0]["mood"] = {"a": {"b": 1}}
    world.get("users", 0)["settings"] = {"theme": {"dark": True}}
    world.write(folder)
    found = look(folder)
    loose = {(each.name, path.path) for each in found.collections for path in each.paths if path.loose}
    assert loose == {
        ("users", "/settings"),
        ("projects", "/conversation_history"),
        ("conversations", "/messages/*/mood"),
    }
    never = {f.path for f in of(found, "invoices").findings if f.code == "never_occurs"}
    assert never == {"/paid_at"}


def test_a_single_document_in_place_of_an_array_is_taken(folder: Path) -> None:
    world = World.of(2)
    world.get("projects", 0)["files"] = {"name": "a", "content": "b", "language": "c"}
    world.get("projects", 1)["files"] = "text"
    world.write(folder)
    found = of(look(folder), "projects")
    assert not [path.path for path in found.paths if path.loose and path.path.startswith("/files")]
    assert said(found)["wrong_type", "/files"] == (Level.BLOCKS, 1)
    assert found.refused == 1


def test_collections_and_policies(folder: Path) -> None:
    world = World.of(2)
    del world.collections["conversations"]
    world.write(folder)
    mapping = builtin_mapping()
    found = look(folder, mapping)
    assert said(of(found, "templates"))["collection_unmapped", ""] == (Level.WARNS, 3)
    assert [finding.message for finding in found.absent] == ["conversations: required, and not in the source"]
    assert found.blocked
    # References into a collection that is not there lead nowhere: that is exact.
    assert {r.path: r.orphans for r in of(found, "projects").references}["/conversation_id"] == 2
    refusing = Mapping(
        mapping.name, Policy.REFUSE, mapping.collections, mapping.hash, mapping.origin, dict(mapping.by_name)
    )
    assert said(of(look(folder, refusing), "templates"))["collection_unmapped", ""] == (Level.BLOCKS, 3)


def test_an_unknown_collection_is_named_with_the_nearest(folder: Path) -> None:
    World.of(1).write(folder)
    with pytest.raises(ConsoleError) as caught:
        look(folder, options=Options(collections=("converastions",)))
    assert caught.value.exit_code is ExitCode.USAGE
    assert "Did you mean 'conversations'?" in str(caught.value)


# ── references ────────────────────────────────────────────────────────────────────────────────────────────────


def test_orphans_are_exact_when_everything_is_read(folder: Path) -> None:
    chance = random.Random(4)  # noqa: S311 - must repeat, guards nothing
    owners = [chance.randrange(120) for _ in range(900)]
    world = World(
        {
            "users": [user(n) for n in range(80)],
            "projects": [project(n, owner) for n, owner in enumerate(owners)],
            "conversations": [conversation(n) for n in range(700)],
            "invoices": [invoice(n, 0) for n in range(3)],
        }
    )
    world.get("projects", 0)["user_id"] = uid("user 1").upper()  # the same user
    owners[0] = 1
    world.get("projects", 1)["user_id"] = "nobody"  # no UUID: refused, and no reference
    world.write(folder)
    found = of(look(folder), "projects")
    by = {each.path: each for each in found.references}
    assert by["/user_id"].orphans == sum(owner >= 80 for at_, owner in enumerate(owners) if at_ != 1)
    assert by["/user_id"].documents == 899
    assert by["/conversation_id"].orphans == 200


def test_a_reference_to_a_refused_document_is_told_apart(folder: Path) -> None:
    world = World.of(3)
    world.get("users", 0)["email"] = None
    world.write(folder)
    reference = next(r for r in of(look(folder), "projects").references if r.path == "/user_id")
    assert (reference.orphans, reference.to_refused) == (0, 1)


def test_references_are_unknown_for_a_sample_and_for_what_was_not_read(folder: Path) -> None:
    World.of(30).write(folder)
    for found, reason in (
        (look(folder, sample=10), "sampled"),
        (look(folder, options=Options(collections=("projects",))), "users was not read"),
    ):
        orphans = of(found, "projects").references[0].orphans
        assert isinstance(orphans, Unknown)
        assert orphans.reason == reason
        assert orphans.remedy
    both = look(folder, options=Options(collections=("users", "projects")))
    assert of(both, "projects").references[0].orphans == 0


def test_keys_that_occur_twice(folder: Path) -> None:
    world = World.of(6)
    for number in (1, 2):
        world.get("users", number)["id"] = uid("user 0")
    world.get("invoices", 1)["stripe_invoice_id"] = "in_0"
    world.write(folder)
    found = look(folder)
    assert said(of(found, "users"))["unique_contender", "/id"] == (Level.BLOCKS, 3)
    assert said(of(found, "invoices"))["repeated", "/stripe_invoice_id"] == (Level.WARNS, 2)


# ── proposals ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_proposal_taken_over_ends_the_refusal(folder: Path) -> None:
    things: list[Any] = [
        {"_id": n, "id": f"t{n}", "kind": ("big", "small")[n % 2], "at": "2024-05-01T10:00:00"} for n in range(20)
    ]
    things[3]["kind"] = None
    del things[4]["kind"]
    things[5]["kind"] = "Big"
    things[6]["text"] = "with\x00nul"
    World({"things": things}).write(folder)
    columns = {
        "kind": 'kind = { type = "text", path = "/kind" }',
        "at": 'at = { type = "timestamptz", path = "/at", naive = "refuse" }',
        "text": 'text = { type = "text", path = "/text", missing = "null", nul = "quarantine" }',
    }
    before = of(look(folder, parse_mapping(MAPPING + "\n".join(columns.values()), "test")), "things")
    assert before.refused == 20
    proposed = {
        name: proposal for proposal in before.proposals for name in columns if f"columns.{name}]" in proposal.toml
    }
    assert set(proposed) == set(columns)
    assert "missing in 1 of 20 documents" in proposed["kind"].reason
    assert "null in 1 of 20 documents" in proposed["kind"].reason
    assert "1 of 20 documents have a value that differs" in proposed["kind"].reason
    text = MAPPING.replace("[collections.columns]\n", "") + "\n".join(proposal.toml for proposal in proposed.values())
    after = of(look(folder, parse_mapping(text, "test")), "things")
    assert after.refused == 0
    kind = next(column for column in after.columns if column.column == "kind")
    assert kind.converted["value_mapped"] == 1


def test_proposals_for_loose_fields_and_hostile_names_are_toml(folder: Path) -> None:
    loose = {
        "age": 5, "big": Int64(2**40), "ratio": 0.5, "when": "2024-05-01T10:00:00Z", "ref": uid("x"), "yes": True,
        "mixed": [1], "a/b~c": "x", 'q"uote\\': "x", "\x1b[31mred\u202e": "x", "": 1, "汉字": 1, "token": "x",
    }  # fmt: skip
    World({"things": [{"_id": 1, "id": "t"} | loose], "\x1b[2J\u202e": [{"_id": 1}]}).write(folder)
    found = look(folder, parse_mapping(MAPPING, "test"))
    proposals = of(found, "things").proposals
    columns: dict[str, Any] = {}
    for proposal in proposals:
        columns |= tomllib.loads(proposal.toml)["collections"]["columns"]
    by_path = {column["path"]: column["type"] for column in columns.values()}
    assert by_path == {
        "/age": "int4", "/big": "int8", "/ratio": "numeric", "/when": "timestamptz", "/ref": "uuid", "/yes": "bool",
        "/mixed": "jsonb", "/a~1b~0c": "text", '/q"uote\\': "text", "/\x1b[31mred\u202e": "text", "/": "int4",
        "/汉字": "int4", "/token": "text",
    }  # fmt: skip
    assert len(columns) == len(loose)
    assert columns["token"]["secret"] is True
    assert all(
        proposal.toml.replace("\n", "").isprintable() for each in found.collections for proposal in each.proposals
    )
    whole_text = MAPPING.replace("[collections.columns]\n", "") + "\n".join(proposal.toml for proposal in proposals)
    assert not [p for p in of(look(folder, parse_mapping(whole_text, "test")), "things").paths if p.loose]


# ── sampling and pace ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [1, 7, 100, 250, 999])
def test_an_even_sample_is_spread_over_the_whole_file(folder: Path, size: int) -> None:
    World({"n": [{"_id": number, "n": number} for number in range(1000)]}).write(folder)
    source = open_source(str(folder), DATABASE)
    (info,) = source.collections()
    draw = even(source, info, size, 500)
    numbers = [bson.decode(raw)["n"] for batch in draw for raw in batch]
    assert (draw.kind, draw.total, draw.expected) == (SampleKind.EVEN, 1000, size)
    assert len(numbers) == size
    gaps = [b - a for a, b in pairwise(numbers)]
    assert not gaps or max(gaps) - min(gaps) <= 1
    assert numbers[0] >= 1000 // size - 1
    assert numbers[-1] == 999


def test_a_sample_that_holds_everything_is_the_whole(folder: Path) -> None:
    World.of(10).write(folder)
    found = look(folder, sample=10)
    assert {each.sample for each in found.collections} == {SampleKind.WHOLE}
    assert of(found, "projects").references[0].orphans == 0


def test_the_first_documents_are_called_the_first(folder: Path) -> None:
    World({"n": [{"_id": number} for number in range(100)]}).write(folder)
    source = open_source(str(folder), DATABASE)
    (info,) = source.collections()
    draw = first(source, info, 30, 500)
    assert sum(len(batch) for batch in draw) == 30
    assert draw.kind is SampleKind.FIRST
    everything = first(source, info, 100, 500)
    assert sum(len(batch) for batch in everything) == 100
    assert (everything.kind, everything.total) == (SampleKind.WHOLE, 100)


def test_a_limit_paces_the_reading(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    World({"n": [{"_id": number} for number in range(500)]}).write(folder)
    now, steps = [0.0], []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(profile_module, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    source = open_source(str(folder), DATABASE)
    profile(
        source,
        builtin_mapping(),
        lambda info, batch_bytes: whole(source, info, batch_bytes),
        Options(documents_per_second=50),
        lambda _, documents, __: steps.append((now[0], documents)),
    )
    assert now[0] == pytest.approx(10.0)
    assert all(documents <= 50 * at_ + 10.001 for at_, documents in steps)  # never ahead by more than one step
    assert max(b[1] - a[1] for a, b in pairwise(steps)) == 10


def test_scratch_files_go_away_however_it_ends(folder: Path, tmp_path: Path) -> None:
    World.of(3).write(folder)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    seen: list[int] = []

    def interrupt(*_: object) -> None:
        seen.append(len(list(scratch.iterdir())))
        raise KeyboardInterrupt

    source = open_source(str(folder), DATABASE)
    with pytest.raises(KeyboardInterrupt):
        profile(source, builtin_mapping(), lambda i, b: whole(source, i, b), Options(scratch=scratch), interrupt)
    assert seen == [1]
    assert not list(scratch.iterdir())
    with pytest.raises(ConsoleError) as caught:
        look(folder, options=Options(scratch=tmp_path / "nowhere"))
    assert "TMPDIR" in caught.value.problem.remedy


def test_a_medium_collection_is_quick(folder: Path) -> None:
    """200,000 messages take seconds, not minutes: a guard against work per value, not a benchmark."""
    world = World(
        {"conversations": [conversation(n, messages=[message(n, k) for k in range(100)]) for n in range(100)]}
    )
    world.write(folder)
    began = time.process_time()
    assert at(of(look(folder), "conversations"), "/messages/*/role").present == 10_000
    assert time.process_time() - began < 3
