"""Who waits for whom: pure functions over a mapping from each waiter to those it waits for."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def waiters_of(blocked_by: Mapping[K, Iterable[K]]) -> dict[K, list[K]]:
    """The other way round: to each blocker those that wait for it directly.

    >>> waiters_of({2: (1,), 3: (1, 2)})
    {1: [2, 3], 2: [3]}
    """
    found: dict[K, list[K]] = {}
    for waiter, blockers in blocked_by.items():
        for blocker in dict.fromkeys(blockers):
            if blocker != waiter:
                found.setdefault(blocker, []).append(waiter)
    return found


def behind(start: K, waiters: Mapping[K, Iterable[K]]) -> set[K]:
    """All that wait for ``start``, directly or through others; never itself, even in a cycle.

    >>> sorted(behind(1, {1: [2], 2: [3], 3: [1]}))
    [2, 3]
    """
    found: set[K] = set()
    todo = [start]
    while todo:
        for each in waiters.get(todo.pop(), ()):
            if each != start and each not in found:
                found.add(each)
                todo.append(each)
    return found


def in_cycle(start: K, waiters: Mapping[K, Iterable[K]]) -> bool:
    """Whether it waits, in the end, for itself: a deadlock the server has not yet ended."""
    reached = behind(start, waiters)
    return any(start in waiters.get(each, ()) for each in reached)


def forest(blocked_by: Mapping[K, Iterable[K]]) -> tuple[list[K], dict[K, list[K]]]:
    """Roots, and the children of each node, every node in exactly one place.

    A root waits for nobody. Of several blockers a waiter stands under the one farthest from its root, so that a queue
    reads from front to end. What no root leads to is a cycle: its member that most wait for is taken as the root.

    >>> forest({2: (1,), 3: (1, 2)})
    ([1], {1: [2], 2: [3]})
    >>> forest({1: (2,), 2: (1,)})
    ([2], {2: [1]})
    """
    waiters = waiters_of(blocked_by)
    waiting = {waiter for waiter, blockers in blocked_by.items() if any(each != waiter for each in blockers)}
    roots = [each for each in waiters if each not in waiting]
    placed = set(roots).union(*(behind(root, waiters) for root in roots))
    while lone := [each for each in waiters if each not in placed]:
        head = max(lone, key=lambda each: len(behind(each, waiters)))
        roots.append(head)
        placed |= {head} | behind(head, waiters)
    return roots, _children(roots, waiters)


def _children(roots: list[K], waiters: Mapping[K, list[K]]) -> dict[K, list[K]]:
    """Depth first in the order of discovery; a node moves to a deeper parent only while that makes no circle."""
    parent: dict[K, K | None] = dict.fromkeys(roots)
    depth: dict[K, int] = dict.fromkeys(roots, 0)
    layer = list(roots)
    while layer:
        following: list[K] = []
        for each in layer:
            for waiter in waiters.get(each, ()):
                if waiter not in depth:
                    parent[waiter], depth[waiter] = each, depth[each] + 1
                    following.append(waiter)
                elif waiter not in roots and depth[waiter] <= depth[each] and not _above(waiter, each, parent):
                    parent[waiter], depth[waiter] = each, depth[each] + 1
        layer = following
    children: dict[K, list[K]] = {}
    for child, its in parent.items():
        if its is not None:
            children.setdefault(its, []).append(child)
    return children


def _above(one: K, other: K, parent: Mapping[K, K | None]) -> bool:
    """Whether ``one`` is ``other`` or stands over it."""
    at: K | None = other
    while at is not None:
        if at == one:
            return True
        at = parent.get(at)
    return False
