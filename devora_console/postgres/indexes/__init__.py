"""The index doctor: what is wrong with the indexes of a database, how sure that is, and the SQL that mends it."""

from devora_console.postgres.indexes.guide import Guided, guide
from devora_console.postgres.indexes.measure import measure
from devora_console.postgres.indexes.read import read
from devora_console.postgres.indexes.snapshot import Finding, IndexesSnapshot, Kind, Measurement

__all__ = ["Finding", "Guided", "IndexesSnapshot", "Kind", "Measurement", "guide", "measure", "read"]
