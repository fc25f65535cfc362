"""Retrieval-augmented questions: the packed prompt, built in the open, and the streamed answer."""
