"""The legs of a search: full text, trigrams, nearest neighbours. Each is one statement with a plan of its own."""
