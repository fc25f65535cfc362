"""What a person should know of a collection: what would be refused, what leads nowhere, what no column takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from devora_console.migration.mapping import Collection, Policy
from devora_console.migration.profile_paths import Left
from devora_console.migration.profile_snapshot import (
    ColumnVerdict,
    Finding,
    Level,
    OwnerVerdict,
    PathProfile,
    Profile,
    ReferenceVerdict,
    Uniqueness,
)
from devora_console.mongo.sampling import SampleKind

_RULES = {
    "bad_date": "no date and time that the column takes",
    "bad_uuid": "no UUID",
    "bad_number": "no number that the column takes",
    "wrong_type": "of a type that the column does not take",
    "out_of_range": "beyond the column's range",
    "scale": "more decimals than the column has",
    "nul": "text with NUL, which the mapping refuses",
    "invalid_utf8": "text that is not UTF-8",
    "too_long": "longer than the column",
    "too_deep": "nested too deeply",
    "not_null": "absent, and the mapping says error",
    "reference_missing": "absent, and the mapping says error",
    "id_missing": "the key is absent",
}
_WHOLE = {
    "not_bson": "not readable as BSON (not in the table below)",
    "duplicate_keys": "a field name occurs twice in one document",
    "invalid_utf8": "text or a field name that is not UTF-8",
    "deprecated_type": "holds a symbol, undefined or dbPointer",
    "not_exact": "holds a value that does not survive being read",
    "too_deep": "nested too deeply",
    "id_missing": "the document has no _id",
    "id_too_long": "the _id is too long for an index",
}
_POLICIES = {
    Policy.ARCHIVE: "every document is archived, whole, beside the tables",
    Policy.IGNORE: "nothing of it is kept",
    Policy.REFUSE: "the migration will not begin",
    Policy.MAP: "",
}
_FAMILIES = {"int": "number", "long": "number", "double": "number", "decimal": "number"}
_ORDER = {Level.BLOCKS: 0, Level.WARNS: 1, Level.NOTES: 2}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a collection when its findings are drawn up."""

    collection: Collection
    named: bool
    documents: int
    whole: Counter[str]  # documents that are odd as a whole, by rule
    left: Left
    paths: Sequence[PathProfile]
    columns: Sequence[ColumnVerdict]
    references: Sequence[ReferenceVerdict]
    unique: Sequence[Uniqueness]
    owner: OwnerVerdict | None
    sampled: bool


def findings_of(evidence: Evidence) -> tuple[Finding, ...]:
    """Everything worth saying, worst first and, among equals, the most frequent first."""
    found = [
        *_collection(evidence),
        *_documents(evidence),
        *_columns(evidence),
        *_references(evidence),
        *_unique(evidence.unique),
        *_owner(evidence),
        *(finding for path in evidence.paths for finding in _path(path)),
        *_limits(evidence.left),
    ]
    return tuple(sorted(found, key=lambda finding: (_ORDER[finding.level], -finding.count)))


def absent_collections(collections: Iterable[Collection], names: set[str]) -> tuple[Finding, ...]:
    """Collections that the mapping requires and the source does not have."""
    return tuple(
        Finding(Level.BLOCKS, "collection_missing", "", 0, 0, f"{each.name}: required, and not in the source")
        for each in collections
        if each.required and each.name not in names
    )


def _collection(evidence: Evidence) -> Iterator[Finding]:
    policy = evidence.collection.policy
    if evidence.named and policy is not Policy.REFUSE:
        return
    level = Level.BLOCKS if policy is Policy.REFUSE else Level.WARNS
    said = "the mapping refuses it" if evidence.named else f"the mapping does not name it, so it says {policy}"
    message = f"{said}: {_POLICIES[policy]}"
    yield Finding(level, "collection_unmapped", "", evidence.documents, evidence.documents, message)


def _documents(evidence: Evidence) -> Iterator[Finding]:
    mapped = evidence.collection.policy is Policy.MAP
    for rule, count in evidence.whole.items():
        level = Level.BLOCKS if mapped else Level.WARNS
        yield Finding(level, rule, "", count, evidence.documents, _WHOLE[rule])


def _columns(evidence: Evidence) -> Iterator[Finding]:
    for column in evidence.columns:
        for rule, kinds in column.refused.items():
            what = ", ".join(f"{kind} {count}" for kind, count in kinds.items())
            message = f"{_RULES.get(rule, 'refused')} ({what})"
            yield Finding(Level.BLOCKS, rule, column.path, sum(kinds.values()), column.of, message)
        if column.of and column.missing == column.of and not column.refused:
            message = "does not occur in the sample" if evidence.sampled else "never occurs"
            yield Finding(Level.NOTES, "never_occurs", column.path, column.of, column.of, message)


def _references(evidence: Evidence) -> Iterator[Finding]:
    for each in evidence.references:
        if isinstance(each.orphans, int) and each.orphans:
            loses = each.dangling == "null"
            message = f"no such document in {each.collection}" + (": becomes null" if loses else "")
            level, code = (Level.WARNS, "dangling_reference") if loses else (Level.BLOCKS, "reference_missing")
            yield Finding(level, code, each.path, each.orphans, each.documents, message)
        if isinstance(each.to_refused, int) and each.to_refused:
            loses = each.dangling == "null"
            message = f"names a document of {each.collection} that is refused itself" + (": null" if loses else "")
            level = Level.WARNS if loses else Level.BLOCKS
            code = "dangling_reference" if loses else "parent_quarantined"
            yield Finding(level, code, each.path, each.to_refused, each.documents, message)


def _unique(unique: Sequence[Uniqueness]) -> Iterator[Finding]:
    for each in unique:
        if not isinstance(each.repeated, int) or not each.repeated:
            continue
        if each.key:
            message = "share their key with another document: the oldest keeps it"
            yield Finding(Level.BLOCKS, "unique_contender", each.path, each.repeated, each.documents, message)
        elif each.repeated * 2 < each.documents:
            message = "looks unique, and another document has the same: a unique constraint keeps one"
            yield Finding(Level.WARNS, "repeated", each.path, each.repeated, each.documents, message)


def _owner(evidence: Evidence) -> Iterator[Finding]:
    owner = evidence.owner
    if owner is None:
        return
    if isinstance(owner.unowned, int) and owner.unowned:
        message = f"names no owner, and no document of {owner.collection} refers to it"
        yield Finding(Level.BLOCKS, "owner_missing", owner.path, owner.unowned, evidence.documents, message)
    if isinstance(owner.ambiguous, int) and owner.ambiguous:
        message = f"the documents of {owner.collection} that refer to it name several owners"
        yield Finding(Level.BLOCKS, "owner_ambiguous", owner.path, owner.ambiguous, evidence.documents, message)


def _path(path: PathProfile) -> Iterator[Finding]:
    if path.loose:
        yield Finding(
            Level.WARNS,
            "unmapped_field",
            path.path,
            path.present,
            path.present if path.of is None else path.of,
            "no column takes it: kept in source_extra",
        )
    families = Counter[str]()
    for kind, count in path.types.items():
        if kind != "null":
            families[_FAMILIES.get(kind, kind)] += count
    if len(families) > 1:
        what = ", ".join(f"{kind} {count}" for kind, count in families.most_common())
        rare = sum(families.values()) - families.most_common(1)[0][1]
        yield Finding(Level.NOTES, "mixed_types", path.path, rare, path.present, f"several types: {what}")
    for code, count, message in (
        ("nul", path.strings.with_nul if path.strings else 0, "text with NUL, which PostgreSQL cannot store"),
        ("date_beyond", path.dates.beyond if path.dates else 0, "dates outside the years 1 to 9999"),
        ("not_finite", path.numbers.not_finite if path.numbers else 0, "NaN or infinite"),
    ):
        if count:
            yield Finding(Level.NOTES, code, path.path, count, path.present, message)
    if path.map_keys:
        message = f"fields whose names look like data, or are ever new: a map, together under {path.path}/*"
        yield Finding(Level.NOTES, "map_keys", path.path, path.map_keys, path.map_keys, message)


def _limits(left: Left) -> Iterator[Finding]:
    if left.folded:
        message = "fields whose names look like data, or are ever new: the documents are maps, together under /*"
        yield Finding(Level.NOTES, "map_keys", "", left.folded, left.folded, message)
    if left.too_deep:
        message = "documents or arrays below the 100th level, not looked into"
        yield Finding(Level.NOTES, "deep", "", left.too_deep, left.too_deep, message)
    if left.beyond:
        message = "values of more paths than are kept apart, not looked at"
        yield Finding(Level.NOTES, "paths_beyond", "", left.beyond, left.beyond, message)


def headline(profile: Profile) -> str:
    """The profile in one sentence, worst first."""
    findings = profile.findings
    nowhere = [r for each in profile.collections for r in each.references if isinstance(r.orphans, int) and r.orphans]
    parts = (
        (len(profile.absent), "required collection missing", "required collections missing"),
        (
            sum(each.refused for each in profile.collections),
            "document that the mapping refuses",
            "documents that the mapping refuses",
        ),
        (len(nowhere), "reference that leads nowhere", "references that lead nowhere"),
        (_sum(findings, "unique_contender"), "document that shares its key", "documents that share their key"),
        (_sum(findings, "owner_missing"), "document without an owner", "documents without an owner"),
        (_sum(findings, "owner_ambiguous"), "document with several owners", "documents with several owners"),
        (_number(findings, "unmapped_field"), "field no column takes", "fields no column takes"),
        (_number(findings, "collection_unmapped"), "collection without a mapping", "collections without a mapping"),
    )
    said = [f"{_thin(count)} {one if count == 1 else many}" for count, one, many in parts if count]
    sampled = sum(each.sample is not SampleKind.WHOLE for each in profile.collections)
    some = f" of {sampled} of {len(profile.collections)} collections" if sampled < len(profile.collections) else ""
    among = f" (in samples{some})" if sampled else ""
    return (", ".join(said) or "nothing stands against the mapping") + among


def _thin(count: int) -> str:
    return f"{count:,}".replace(",", "\u202f")


def _sum(findings: Iterable[Finding], *codes: str) -> int:
    return sum(finding.count for finding in findings if finding.code in codes)


def _number(findings: Iterable[Finding], code: str) -> int:
    return sum(finding.code == code for finding in findings)
