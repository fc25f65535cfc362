"""The health of one database: cache, bloat, vacuum, sizes, I/O, wraparound, sequences, settings."""
