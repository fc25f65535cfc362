"""Sessions, what they wait for, and who is in their way."""
