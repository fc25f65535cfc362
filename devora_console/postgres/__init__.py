"""The server under care: connect, observe, act."""
