"""Watching a server as a good guest: the connection, the window of its statistics, and what was seen before."""
