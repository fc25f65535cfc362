"""What was written to the target since a mark: how many rows of which table, and those rows as files.

Past the point of no return, going back loses exactly this.
"""

from devora_console.postgres.delta.since import Mark, TableDelta, export, mark, measure, read_mark, write_mark

__all__ = ["Mark", "TableDelta", "export", "mark", "measure", "read_mark", "write_mark"]
