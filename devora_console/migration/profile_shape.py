"""A collection's tree of paths as the snapshot has it, and which of the paths the mapping takes."""

from __future__ import annotations

from devora_console.migration.mapping import Collection, Policy, pointer
from devora_console.migration.profile_paths import STAR, Node, Tree
from devora_console.migration.profile_snapshot import PathProfile

Path = tuple[str, ...]


def taken_paths(collection: Collection) -> dict[Path, str]:
    """Path to the column (or, for an embedded array, the table) that takes it."""
    if collection.policy is not Policy.MAP or collection.key is None:
        return {}
    table = collection.table
    taken: dict[Path, str] = {("_id",): f"{table}.{collection.source_id_column or 'source_id'}"}
    taken[collection.key.path or ()] = f"{table}.{collection.key.column}"
    for column in collection.columns:
        if column.path is not None:
            taken.setdefault(column.path, f"{table}.{column.name}")
    for child in collection.children:
        taken[child.path] = child.table
        for prefix in ((*child.path, STAR), child.path):  # a single document counts as an array of one
            if child.key.path is not None:
                taken[(*prefix, *child.key.path)] = f"{child.table}.{child.key.column}"
            for column in child.columns:
                if column.path is not None:
                    taken.setdefault((*prefix, *column.path), f"{child.table}.{column.name}")
    return taken


def secret_paths(collection: Collection) -> list[Path]:
    """What the mapping calls secret, elements of arrays included."""
    own = [column.path for column in collection.columns if column.secret and column.path]
    inner = [
        (*prefix, *column.path)
        for child in collection.children
        for prefix in ((*child.path, STAR), child.path)
        for column in child.columns
        if column.secret and column.path
    ]
    return [*collection.secret_paths, *own, *inner]


def tree_of(collection: Collection) -> Tree:
    """An empty tree that knows the mapping's paths."""
    return Tree(taken_paths(collection), secret_paths(collection))


def paths_of(tree: Tree, collection: Collection) -> tuple[PathProfile, ...]:
    """Every path that occurred, parents before what they hold."""
    taken = taken_paths(collection)
    holders = {path[:length] for path in taken for length in range(1, len(path))}
    arrays = {child.path for child in collection.children}
    loose: set[Path] = set()
    inside: set[Path] = set()  # what a column takes with everything in it
    result = []
    for path, node, parent in tree.nodes():
        above = path[:-1]
        column = taken.get(path)
        if above in inside or (column is not None and path not in arrays):
            inside.add(path)
        elif above in loose:
            loose.add(path)
        is_loose = bool(taken) and path not in inside and path not in loose and path not in holders and column is None
        if is_loose:
            loose.add(path)
        result.append(_profile(path, node, parent, column, loose=is_loose))
    return tuple(result)


def _profile(path: Path, node: Node, parent: Node, column: str | None, *, loose: bool) -> PathProfile:
    values = node.values
    of = None if path[-1] == STAR else parent.values.types["object"]
    present = values.present
    return PathProfile(
        path=pointer(path),
        of=of,
        present=present,
        missing=None if of is None else max(of - present, 0),
        null=values.types["null"],
        types=dict(values.types.most_common()),
        strings=values.strings(),
        numbers=values.numbers(),
        dates=values.dates(),
        arrays=values.arrays(),
        distinct=values.distinct(),
        values=values.shown(),
        hidden=values.private,
        map_keys=node.folded or None,
        column=column,
        loose=loose,
    )
