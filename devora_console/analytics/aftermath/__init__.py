"""The first day after the switch: what the guide says to watch, against its values before, with a verdict per line."""
