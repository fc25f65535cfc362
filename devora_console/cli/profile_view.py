"""A profile of the source as JSON keys and as text for people, worst things first, 80 columns wide.

The JSON keys of ``profile``, beside those every answer has:

``headline``     the profile in one sentence
``source``       which data; ``mapping``: ``{name, hash}``; ``seconds``: how long it took
``absent``       findings: collections that the mapping requires and the source does not have
``collections``  one object for each collection that was looked at:

    ``name``, ``policy`` (map, archive, ignore, refuse), ``named`` (by the mapping; else the policy is the one for
    unmapped collections), ``tables``, ``documents`` (looked at), ``total`` (documents it has; a live server's
    estimate unless all were read), ``refused`` (documents that would go to quarantine for what they hold)
    ``sample``      ``{kind: whole|random|even|first, documents, of, share, words}``
    ``findings``    ``[{level: blocks|warns|notes, code, path, count, of, message}]``, worst first
    ``paths``       ``[{path, of, present, missing, null, types{name: n}, strings{count, shortest, longest, iso_zoned,
                    iso_naive, iso_not, uuids, with_nul}, numbers{count, low, high, integral, fractions, not_finite},
                    dates{count, first, last, beyond}, arrays{count, shortest, longest, mean}, distinct, values{text:
                    n}, hidden, map_keys, column, loose}]``; what does not apply is null. ``path`` is a JSON Pointer
                    in which ``*`` stands for the elements of an array, and for the fields of a document used as a map
    ``columns``     ``[{table, column, path, type, of, present, missing, null, refused{rule: {type: n}},
                    converted{rule: n}}]``: what the converters make of the mapped paths
    ``references``  ``[{column, path, collection, dangling, documents, orphans, to_refused}]``
    ``unique``      ``[{path, column, key, documents, repeated}]``
    ``owner``       ``{path, collection, unowned, ambiguous}``, or null where the mapping derives no owner
    ``proposals``   ``[{collection, reason, toml}]``

A count that cannot be known is ``{unknown, remedy}``. Values are given only of fields that look like a program's own
marks, never of what the mapping calls secret or whose name or value looks like a secret or like somebody's address.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

from devora_console.cli.profile_table import print_head, print_path
from devora_console.cli.tables import number
from devora_console.core.clock import span
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.migration.profile_findings import headline
from devora_console.migration.profile_snapshot import CollectionProfile, Finding, Level, Profile
from devora_console.mongo.sampling import SampleKind

_WIDTH = 80
_MOST_FINDINGS = 20
_MOST_PATHS = 60
_DEEPEST = 6  # levels of paths for people
_SIGNS = {Level.BLOCKS: "✗", Level.WARNS: "!", Level.NOTES: " "}
# In the table they are plain to see, or one line says all of them.
_ELSEWHERE = frozenset({"mixed_types", "never_occurs", "unmapped_field", "collection_unmapped"})


def profile_keys(profile: Profile) -> dict[str, object]:
    """The JSON keys of ``profile``."""
    return {
        "headline": headline(profile),
        "source": profile.source,
        "mapping": {"name": profile.mapping, "hash": profile.mapping_hash},
        "absent": profile.absent,
        "collections": [_keys(each) for each in profile.collections],
        "seconds": round(profile.seconds, 3),
    }


def _keys(each: CollectionProfile) -> dict[str, object]:
    share = each.documents / each.total if isinstance(each.total, int) and each.total > 0 else None
    return {
        "name": each.name,
        "policy": each.policy,
        "named": each.named,
        "tables": each.tables,
        "documents": each.documents,
        "total": each.total,
        "sample": {
            "kind": each.sample,
            "documents": each.documents,
            "of": each.total,
            "share": None if share is None else round(min(share, 1.0), 6),
            "words": sample_words(each),
        },
        "refused": each.refused,
        "findings": each.findings,
        "paths": each.paths,
        "columns": each.columns,
        "references": each.references,
        "unique": each.unique,
        "owner": each.owner,
        "proposals": each.proposals,
    }


def sample_words(each: CollectionProfile) -> str:
    """Which documents were looked at, and of how many."""
    looked = number(each.documents)
    exact = each.sample is SampleKind.EVEN
    total = "?" if isinstance(each.total, Unknown) else ("" if exact else "~") + number(each.total)
    if each.sample is SampleKind.RANDOM:
        return f"a sample of {looked} of {total}, chosen at random by the server"
    if each.sample is SampleKind.EVEN:
        return f"a sample of {looked} of {total}, spread evenly"
    if each.sample is SampleKind.FIRST:
        return f"a sample: the first {looked} of {total} by _id, newer documents are not among them"
    if not each.documents:
        return "empty"
    return f"all {looked} documents" if each.documents > 1 else "its one document"


def print_profile(out: Console, profile: Profile) -> None:
    """The whole profile for people."""
    _wrapped(out, f"{_worst(profile.findings)} {_capital(headline(profile))}.", "  ")
    documents, many = sum(each.documents for each in profile.collections), len(profile.collections)
    _wrapped(
        out,
        f"  {one_line(profile.source, 60)}, mapping {one_line(profile.mapping, 40)}: {number(documents)} documents of "
        f"{many} collection{'s' if many != 1 else ''} in {span(profile.seconds)}. "
        "Lengths, CHECKs and unique constraints are the tables' own: migrate --dry-run judges them.",
        "  ",
    )
    for finding in profile.absent:
        _wrapped(out, f"✗ {one_line(finding.message, 200)}", "  ")
    for each in sorted(profile.collections, key=_rank):
        out.print()
        _collection(out, each)
    _proposals(out, profile)


def _rank(each: CollectionProfile) -> int:
    order = {"✗": 0, "!": 1, "✓": 2}
    return order[_worst(each.findings)]


def _worst(findings: Iterable[Finding]) -> str:
    levels = {finding.level for finding in findings}
    return "✗" if Level.BLOCKS in levels else "!" if Level.WARNS in levels else "✓"


def _collection(out: Console, each: CollectionProfile) -> None:
    fate = f"to {', '.join(each.tables)}" if each.tables else str(each.policy)
    named = "" if each.named else "not in the mapping, so "
    _wrapped(
        out,
        f"{_worst(each.findings)} {one_line(each.name, 60)}: {named}{one_line(fate, 100)}; {sample_words(each)}",
        "  ",
    )
    if each.refused:
        who = f"{number(each.refused)} of the {number(each.documents)} documents looked at"
        if each.sample is SampleKind.WHOLE:
            who = f"{number(each.refused)} document{'s' if each.refused != 1 else ''}"
        does = "goes to quarantine for what it holds" if each.refused == 1 else "go to quarantine for what they hold"
        _wrapped(out, f"  ✗ {who} {does}", "    ")
    _findings(out, each)
    _references(out, each)
    _unknown(out, each)
    _rules(out, each)
    if each.paths:
        print_head(out)
    shown = [path for path in each.paths if path.path.count("/") <= _DEEPEST][:_MOST_PATHS]
    for path in shown:
        print_path(out, path)
    if len(each.paths) > len(shown):
        out.print(Text(f"  … and {number(len(each.paths) - len(shown))} more or deeper paths (--json lists them)"))


def _findings(out: Console, each: CollectionProfile) -> None:
    own = [finding for finding in each.findings if finding.code not in _ELSEWHERE]
    for finding in own[:_MOST_FINDINGS]:
        path = f"{one_line(finding.path, 100)}: " if finding.path else ""
        of = f"{number(finding.count)} of {number(finding.of)}" if finding.of != finding.count else number(finding.of)
        _wrapped(out, f"  {_SIGNS[finding.level]} {path}{of} · {one_line(finding.message, 200)}", "    ")
    if len(own) > _MOST_FINDINGS:
        out.print(Text(f"    … and {len(own) - _MOST_FINDINGS} more (--json lists them)"))
    for code, words in (
        ("unmapped_field", "  ! no column takes, so source_extra keeps: "),
        ("never_occurs", f"    {'never occurs' if each.sample is SampleKind.WHOLE else 'not in the sample'}: "),
    ):
        found = [finding for finding in each.findings if finding.code == code]
        if found:
            counts = code == "unmapped_field"
            names = [one_line(f.path, 60) + (f" ({number(f.count)})" if counts else "") for f in found[:_MOST_FINDINGS]]
            more = f", … and {len(found) - _MOST_FINDINGS} more" if len(found) > _MOST_FINDINGS else ""
            _wrapped(out, words + ", ".join(names) + more, "    ")


def _references(out: Console, each: CollectionProfile) -> None:
    for reference in each.references:
        if reference.documents and not reference.orphans:
            many = f"all {number(reference.documents)} lead" if reference.documents > 1 else "the one there is leads"
            path, collection = one_line(reference.path, 60), one_line(reference.collection, 60)
            _wrapped(out, f"  ✓ {path}: {many} to {collection}", "    ")


def _unknown(out: Console, each: CollectionProfile) -> None:
    """What cannot be said, why, and what would make it known."""
    open_questions: dict[Unknown, list[str]] = {}
    for reference in each.references:
        if isinstance(reference.orphans, Unknown):
            question = f"{one_line(reference.path, 60)} leads to {one_line(reference.collection, 60)}"
            open_questions.setdefault(reference.orphans, []).append(question)
    for unique in each.unique:
        if isinstance(unique.repeated, Unknown):
            open_questions.setdefault(unique.repeated, []).append(f"{one_line(unique.path, 60)} occurs twice")
    if each.owner is not None and isinstance(each.owner.unowned, Unknown):
        open_questions.setdefault(each.owner.unowned, []).append("every document has one owner")
    for unknown, questions in open_questions.items():
        _wrapped(out, f"  ? unknown ({unknown.reason}): whether {', '.join(questions)}. {unknown.remedy}.", "    ")


def _rules(out: Console, each: CollectionProfile) -> None:
    """What the converters would do to values, by rule."""
    totals: dict[str, int] = {}
    for column in each.columns:
        for rule, count in column.converted.items():
            totals[rule] = totals.get(rule, 0) + count
    if totals:
        words = " · ".join(f"{rule} {number(n)}" for rule, n in sorted(totals.items(), key=lambda item: -item[1]))
        _wrapped(out, f"    by rule: {words}", "    ")


def _proposals(out: Console, profile: Profile) -> None:
    proposals = [proposal for each in profile.collections for proposal in each.proposals]
    if not proposals:
        return
    out.print()
    _wrapped(out, "Proposed for the mapping file. Nothing has been changed: read each before you copy it.", "")
    for proposal in proposals:
        out.print()
        _wrapped(out, f"# {one_line(proposal.reason, 300)}", "# ")
        for line in proposal.toml.splitlines():
            out.print(Text(one_line(line, 4000)))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _wrapped(out: Console, text: str, indent: str) -> None:
    """Text in lines of 80 columns, those after the first indented."""
    lead = text[: len(text) - len(text.lstrip())]
    for line in textwrap.wrap(
        text.lstrip(),
        _WIDTH,
        initial_indent=lead,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        # A word can be longer than a line, and a character two columns wide.
        head, *rest = chop_cells(line, _WIDTH - len(indent)) if cell_len(line) > _WIDTH else [line]
        out.print(Text(head))
        for part in rest:
            out.print(Text(indent + part))
