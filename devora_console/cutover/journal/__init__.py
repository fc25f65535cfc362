"""The journal of a run: where it lives, how it is written and read, and how one sees that nobody changed it."""
