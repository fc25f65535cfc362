"""Benchmarks: scripts that print one JSON line, each figure beside a limit or a peer measured in the same run."""
