"""Pure functions from snapshots to text: no terminal, no server, no clock of their own."""
