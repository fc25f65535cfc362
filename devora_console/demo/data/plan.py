"""Which documents carry which anomaly, who owns what, and what therefore becomes of each document.

Everything is indexes, not documents. A plan holds only the exceptions; the rule for all the others is
arithmetic on (seed, index). The generator writes documents from a plan and ``truth`` reads the same plan.
"""

from __future__ import annotations

import random
from datetime import date, datetime
from itertools import chain

from bson.objectid import ObjectId

from devora_console.demo.data import ids
from devora_console.demo.data.anomalies import FATES, MIGRATED, QUARANTINED, Fate, planted_in
from devora_console.demo.data.scales import ARCHIVED, SIZES, Scale
from devora_console.demo.data.seats import free

# An ordinary document that something else relies on: no anomaly may land on it.
RESERVED = "reserved"
# Named as their consequence in the truth: see anomalies.DERIVED.
OWNER_QUARANTINED = "owner_quarantined"
PROJECT_QUARANTINED = "project_quarantined"

_BLOCK = 8  # conversations that share out a fixed number of messages
_FEWEST = 4  # messages of a conversation that is not empty
_EMPTY_SEAT = 3  # the one place in a block where an empty conversation may sit
_LEAD = 0.02  # of the period passes before the first project
ADMIN = 0
POWER_USER = 1


class Plan:
    """The plan of one (scale, seed). Building it costs memory for the exceptions only.

    ``until``: the last day of the source, by default the same for ever; another one moves every moment by whole days.
    """

    def __init__(self, scale: Scale, seed: int, until: date | None = None) -> None:
        self.scale = scale
        self.seed = seed
        self.later = (until or ids.LAST_DAY.date()) - ids.LAST_DAY.date()
        self.sizes = SIZES[scale]
        self.users: dict[int, str] = {ADMIN: RESERVED, POWER_USER: RESERVED}
        self.projects: dict[int, str] = {}
        self.conversations: dict[int, str] = {}
        self.invoices: dict[int, str] = {}
        self.twins: dict[int, int] = {}  # user -> the older one whose email it repeats in another case
        self.duplicates: dict[int, int] = {}  # project -> the older one whose id it repeats
        self.owners: dict[int, int] = {}  # project -> user, where the draw does not decide
        self.links: dict[int, int] = {}  # project -> conversation, beside the regular links
        self.ranks: dict[tuple[str, int], int] = {}  # which of its kind a planted anomaly is, from 0
        self._shares: tuple[int, list[int]] = (-1, [])
        rng = ids.stream(seed, f"plan.{scale}", 0)
        heirs = self._place_users(rng)
        self._place_conversations(rng, heirs)
        self._place_projects(rng, heirs)
        self._place_invoices(rng)

    # Placing -----------------------------------------------------------------------------------------------

    def _place_users(self, rng: random.Random) -> list[int]:
        """Place the users' anomalies; return the quarantined users that own something."""
        count = self.sizes.users
        heirs: list[int] = []
        for anomaly in planted_in("users"):
            wanted = anomaly.count(self.scale)
            if anomaly.name != "email_case_variant":
                for nth in range(wanted):
                    self._mark("users", free(rng, 2, count, self.users), anomaly.name, nth)
                continue
            for nth in range(wanted):
                # Early enough to own projects and conversations of the second half.
                variant = free(rng, count // 10, count * 45 // 100, self.users)
                self._mark("users", variant, anomaly.name, nth)
                older = free(rng, 2, variant, self.users)
                self.users[older] = RESERVED
                self.twins[variant] = older
                if nth % 2 == 0:
                    heirs.append(variant)
        return heirs

    def _place_conversations(self, rng: random.Random, heirs: list[int]) -> None:
        count = self.sizes.conversations
        whole = count - count % _BLOCK  # the last block may be short: it stays ordinary
        for _ in heirs:
            self.conversations[free(rng, count // 2, whole, self.conversations)] = PROJECT_QUARANTINED
        for anomaly in planted_in("conversations"):
            seat = _EMPTY_SEAT if anomaly.name == "messages_empty" else None
            for nth in range(anomaly.count(self.scale)):
                chosen = free(rng, 0, whole, self.conversations)
                while seat is not None and chosen % _BLOCK != seat:
                    chosen = free(rng, 0, whole, self.conversations)
                self._mark("conversations", chosen, anomaly.name, nth)

    def _place_projects(self, rng: random.Random, heirs: list[int]) -> None:
        count = self.sizes.projects
        hanging = [c for c, name in self.conversations.items() if name == PROJECT_QUARANTINED]
        for heir, conversation in zip(heirs, hanging, strict=True):
            first = self._seat(conversation)
            second = free(rng, count // 2, count, self.projects, self._is_unlinked)
            for project in (first, second):
                self.projects[project] = OWNER_QUARANTINED
                self.owners[project] = heir
        for conversation, name in self.conversations.items():
            if name in ("two_owners", "same_owner_twice"):
                self._link_again(conversation, same_owner=name == "same_owner_twice")
        for anomaly in planted_in("projects"):
            for nth in range(anomaly.count(self.scale)):
                chosen = free(rng, count // 10, count, self.projects, self._is_unlinked)
                self._mark("projects", chosen, anomaly.name, nth)
                if anomaly.name == "id_duplicate":
                    older = free(rng, 0, chosen, self.projects, self._is_unlinked)
                    self.projects[older] = RESERVED
                    self.duplicates[chosen] = older

    def _link_again(self, conversation: int, *, same_owner: bool) -> None:
        """Let a second project name ``conversation``: the next free one, so that its owner exists by then."""
        first = self._seat(conversation)
        candidates = chain(range(first + 1, self.sizes.projects), range(first - 1, -1, -1))
        second = next(p for p in candidates if p not in self.projects and self._is_unlinked(p))
        self.projects[second] = RESERVED
        self.links[second] = conversation
        owner = self._drawn_owner(first)
        if same_owner:
            self.owners[second] = owner
        elif self._drawn_owner(second) == owner:
            self.owners[second] = POWER_USER if owner == ADMIN else ADMIN

    def _place_invoices(self, rng: random.Random) -> None:
        count = self.sizes.invoices
        for anomaly in planted_in("invoices"):
            for nth in range(anomaly.count(self.scale)):
                if anomaly.name != "redelivered":
                    self._mark("invoices", free(rng, 0, count, self.invoices), anomaly.name, nth)
                    continue
                chosen = free(rng, 1, count, self.invoices, lambda i: i - 1 not in self.invoices)
                self.invoices[chosen - 1] = RESERVED
                self._mark("invoices", chosen, anomaly.name, nth)

    def _mark(self, collection: str, index: int, name: str, nth: int) -> None:
        self._placed(collection)[index] = name
        self.ranks[(collection, index)] = nth

    def _placed(self, collection: str) -> dict[int, str]:
        placed: dict[str, dict[int, str]] = {
            "users": self.users,
            "projects": self.projects,
            "conversations": self.conversations,
            "invoices": self.invoices,
        }
        return placed.get(collection, {})

    # Links and owners --------------------------------------------------------------------------------------

    def _seat(self, conversation: int) -> int:
        """The project that regularly names ``conversation``: about as old as the conversation."""
        return (2 * conversation + 1) * self.sizes.projects // (2 * self.sizes.conversations)

    def _seated(self, project: int) -> int | None:
        """The conversation whose seat is ``project``; the inverse of :meth:`_seat`."""
        near = project * self.sizes.conversations // self.sizes.projects
        for conversation in (near - 1, near, near + 1):
            if 0 <= conversation < self.sizes.conversations and self._seat(conversation) == project:
                return None if self.conversations.get(conversation) == "unlinked" else conversation
        return None

    def _is_unlinked(self, project: int) -> bool:
        return self._seated(project) is None

    def conversation_of(self, project: int) -> int | None:
        """Index of the conversation that ``project`` names, of whatever fate."""
        return self.links.get(project, self._seated(project))

    def home(self, conversation: int) -> int | None:
        """Index of the project that regularly names ``conversation``, None for an unlinked one."""
        return None if self.conversations.get(conversation) == "unlinked" else self._seat(conversation)

    def _drawn_owner(self, project: int) -> int:
        known = self.users_by(project / self.sizes.projects)
        if ids.fraction(self.seed, "power", project) < 0.03:
            return POWER_USER
        for attempt in range(8):
            part = ids.fraction(self.seed, f"owner.{attempt}", project)
            user = int(part**1.4 * known)
            if self.user_fate(user) == MIGRATED:
                return user
        return ADMIN

    def users_by(self, part: float) -> int:
        """How many users there were when ``part`` (0 to 1) of the projects or invoices had been made."""
        return max(2, int((_LEAD + (1 - _LEAD) * part) * self.sizes.users))

    def owner(self, project: int) -> int:
        """Index of the user who owns ``project`` (never asked for a project whose owner is wrong)."""
        return self.owners[project] if project in self.owners else self._drawn_owner(project)

    # Fates -------------------------------------------------------------------------------------------------

    def user_fate(self, index: int) -> Fate:
        """What becomes of user ``index``."""
        return FATES.get(("users", self.users.get(index, RESERVED)), MIGRATED)

    def fate(self, collection: str, index: int) -> Fate:
        """What becomes of document ``index`` of ``collection``."""
        if collection in ARCHIVED:
            return "archived"
        if collection == "system_config":
            return MIGRATED
        return FATES.get((collection, self.anomaly(collection, index)), MIGRATED)

    def anomaly(self, collection: str, index: int) -> str:
        """The anomaly that document ``index`` carries, or ``reserved`` for none."""
        return self._placed(collection).get(index, RESERVED)

    def rank(self, collection: str, index: int) -> int:
        """Which of its kind the planted anomaly of this document is, from 0; 0 for an ordinary document."""
        return self.ranks.get((collection, index), 0)

    def is_dangling(self, project: int) -> bool:
        """Whether a migrated ``project`` names a conversation that is quarantined."""
        conversation = self.conversation_of(project)
        return conversation is not None and self.fate("conversations", conversation) == QUARANTINED

    def is_owner_derived(self, conversation: int) -> bool:
        """Whether ``conversation`` gets user and project from the one project that names it."""
        return (
            self.fate("conversations", conversation) == MIGRATED
            and self.conversations.get(conversation) != "same_owner_twice"
        )

    def is_edited(self, project: int) -> bool:
        """Whether ``project`` was saved a second time, which turned its ``created_at`` into a BSON Date."""
        if self.fate("projects", project) != MIGRATED:
            return False
        return ids.fraction(self.seed, "edited", project) < 0.3

    # Sizes -------------------------------------------------------------------------------------------------

    def message_count(self, conversation: int) -> int:
        """Number of messages of ``conversation``; over all conversations exactly the scale's number."""
        block = conversation // _BLOCK
        if self._shares[0] != block:
            self._shares = (block, self._share_out(block))
        return self._shares[1][conversation % _BLOCK]

    def _share_out(self, block: int) -> list[int]:
        conversations, messages = self.sizes.conversations, self.sizes.messages
        first, last = block * _BLOCK, min((block + 1) * _BLOCK, conversations)
        total = last * messages // conversations - first * messages // conversations
        rng = ids.stream(self.seed, "messages", block)
        weights = [
            0.0 if self.conversations.get(c) == "messages_empty" else min(rng.paretovariate(1.4), 12.0)
            for c in range(first, last)
        ]
        spare = total - _FEWEST * sum(weight > 0 for weight in weights)
        shares: list[int] = []
        reached, given = 0.0, 0
        for weight in weights:
            reached += weight
            upto = round(spare * reached / sum(weights))
            shares.append(upto - given + (_FEWEST if weight else 0))
            given = upto
        return shares

    def file_count(self, project: int) -> int:
        """Number of files of ``project``: one to seven, none where the array is null or missing."""
        name = self.projects.get(project)
        if name in ("files_null", "files_missing"):
            return 0
        if name == "files_scalar":
            return 1
        drawn = 1 + int(7 * ids.fraction(self.seed, "files", project) ** 1.7)
        return max(drawn, 2) if name in ("same_name_files", "file_content_null") else drawn

    def history_count(self, project: int) -> int:
        """Number of entries of the project's own ``conversation_history``; one in ten has none."""
        part = ids.fraction(self.seed, "history", project)
        return 0 if part < 0.1 else 2 * (1 + int((part - 0.1) / 0.9 * 4))

    # Identity ----------------------------------------------------------------------------------------------

    def at(self, collection: str, index: int) -> datetime:
        """When document ``index`` of ``collection`` was created."""
        lead = 0.0 if collection == "users" else _LEAD
        return self.later + ids.created(self.seed, collection, index, self.sizes.of(collection), lead)

    def object_id(self, collection: str, index: int) -> ObjectId:
        """The ``_id`` of document ``index`` of ``collection``."""
        return ids.object_id(self.seed, collection, index, self.at(collection, index))

    def entity_id(self, collection: str, index: int) -> str:
        """The application's id of document ``index`` of ``collection``."""
        return ids.entity_id(self.seed, collection, index)
