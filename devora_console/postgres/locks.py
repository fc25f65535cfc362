"""Advisory locks of the console: who may do what while another does something else."""

from __future__ import annotations

# Held by the session that writes a migration, for as long as it does. A number of our own.
MIGRATION = 0x1B5F_0D6E_93A2_44C7

# The first half of the locks that back-fills of embeddings hold, each with a second half of its own.
EMBEDDING = 0x1B5F0E3D
