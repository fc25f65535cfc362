"""Backups: taken whole or not at all, judged at four levels, restored into empty databases only."""
