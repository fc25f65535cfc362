"""What is wrong, odd or merely unusual in the generated source, and what must become of it.

One declaration per anomaly. ``plan`` decides which documents carry it, the collection modules write it into
them, ``truth`` reports it. A document carries at most one declared anomaly, so its fate is never in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from devora_console.demo.data.scales import SIZES, Scale

Fate = Literal["migrated", "quarantined", "archived"]
MIGRATED: Fate = "migrated"
QUARANTINED: Fate = "quarantined"


@dataclass(frozen=True, slots=True)
class Declared:
    """An anomaly: ``small`` is the number of documents that carry it at the small scale.

    ``rule`` is the conversion rule that must be counted for a migrated document, or the rule that must refuse
    a quarantined one; ``plain`` and ``exact`` mean that the value simply arrives as it is.
    """

    name: str
    collection: str
    small: int
    fate: Fate
    rule: str

    def count(self, scale: Scale) -> int:
        """Number of documents that carry the anomaly at ``scale``: in proportion, never none."""
        ratio = SIZES[scale].of(self.collection) / SIZES[Scale.SMALL].of(self.collection)
        return max(1, round(self.small * ratio))


PLANTED: tuple[Declared, ...] = (
    Declared("email_case_variant", "users", 2, QUARANTINED, "unique_contender"),
    Declared("status_stripe_outside", "users", 4, MIGRATED, "stripe_status"),
    Declared("status_unknown", "users", 1, QUARANTINED, "check"),
    Declared("is_admin_missing", "users", 6, MIGRATED, "default"),
    Declared("created_at_missing", "users", 1, MIGRATED, "objectid_time"),
    Declared("updated_at_missing", "users", 2, MIGRATED, "from_field"),
    Declared("created_at_bson_date", "users", 10, MIGRATED, "plain"),
    Declared("created_at_naive", "users", 8, MIGRATED, "naive_as_utc"),
    Declared("created_at_offset", "users", 3, MIGRATED, "iso8601"),
    Declared("extra_fields", "users", 5, MIGRATED, "extra_kept"),
    Declared("hostile_name", "users", 3, MIGRATED, "exact"),
    Declared("orphan_user", "projects", 3, QUARANTINED, "reference_missing"),
    Declared("user_id_missing", "projects", 2, QUARANTINED, "reference_missing"),
    Declared("id_not_uuid", "projects", 1, QUARANTINED, "bad_uuid"),
    Declared("id_duplicate", "projects", 1, QUARANTINED, "unique_contender"),
    Declared("name_null", "projects", 1, QUARANTINED, "not_null"),
    Declared("name_empty", "projects", 1, QUARANTINED, "check"),
    Declared("name_too_long", "projects", 1, QUARANTINED, "too_long"),
    Declared("same_name_files", "projects", 5, MIGRATED, "plain"),
    Declared("files_null", "projects", 1, MIGRATED, "array_null"),
    Declared("files_missing", "projects", 1, MIGRATED, "array_missing"),
    Declared("files_scalar", "projects", 1, MIGRATED, "array_wrapped"),
    Declared("conversation_dangling", "projects", 6, MIGRATED, "dangling_reference"),
    Declared("file_content_null", "projects", 1, MIGRATED, "plain"),
    Declared("unlinked", "conversations", 7, QUARANTINED, "owner_missing"),
    Declared("two_owners", "conversations", 1, QUARANTINED, "owner_ambiguous"),
    Declared("same_owner_twice", "conversations", 1, MIGRATED, "project_ambiguous"),
    Declared("bad_role", "conversations", 1, QUARANTINED, "check"),
    Declared("content_null", "conversations", 1, QUARANTINED, "not_null"),
    Declared("nul_in_content", "conversations", 2, MIGRATED, "nul_replaced"),
    Declared("hostile_content", "conversations", 2, MIGRATED, "exact"),
    Declared("message_id_missing", "conversations", 3, MIGRATED, "id_derived"),
    Declared("message_id_duplicate", "conversations", 2, MIGRATED, "id_duplicate"),
    Declared("timestamp_naive", "conversations", 4, MIGRATED, "naive_as_utc"),
    Declared("timestamp_offset", "conversations", 3, MIGRATED, "iso8601"),
    Declared("timestamp_bson_date", "conversations", 4, MIGRATED, "plain"),
    Declared("messages_empty", "conversations", 2, MIGRATED, "plain"),
    Declared("messages_disordered", "conversations", 2, MIGRATED, "plain"),
    Declared("redelivered", "invoices", 3, QUARANTINED, "unique_contender"),
    Declared("float_noise", "invoices", 3, MIGRATED, "float_noise"),
    Declared("amount_text", "invoices", 1, MIGRATED, "numeric_text"),
    Declared("negative", "invoices", 1, QUARANTINED, "check"),
    Declared("currency_too_long", "invoices", 1, QUARANTINED, "too_long"),
    Declared("orphan_user", "invoices", 1, QUARANTINED, "reference_missing"),
)

# What follows from the planted ones or runs through the whole collection; counted by ``truth``.
DERIVED: tuple[Declared, ...] = (
    Declared("created_at_bson_date", "projects", 0, MIGRATED, "plain"),
    Declared("conversation_history", "projects", 0, MIGRATED, "extra_kept"),
    Declared("conversation_quarantined", "projects", 0, MIGRATED, "dangling_reference"),
    Declared("owner_quarantined", "projects", 0, QUARANTINED, "parent_quarantined"),
    Declared("owner_derived", "conversations", 0, MIGRATED, "owner_derived"),
    Declared("project_quarantined", "conversations", 0, QUARANTINED, "parent_quarantined"),
    Declared("global_settings", "settings", 1, "archived", "archived"),
)

FATES: dict[tuple[str, str], Fate] = {(a.collection, a.name): a.fate for a in PLANTED + DERIVED}


def planted_in(collection: str) -> tuple[Declared, ...]:
    """The planted anomalies of one collection, in the order they are placed."""
    return tuple(a for a in PLANTED if a.collection == collection)
