"""What a step can wait for, in the words that stand in the journal, on the screens and in the commands."""

from __future__ import annotations

A_PERSON = "a person:"
KEY = "the key to go on"
OWN_GO = "a GO of its own: from here on there is no way back without loss"
GATES = "its gates:"
MEASURED = "its gates to be measured"
