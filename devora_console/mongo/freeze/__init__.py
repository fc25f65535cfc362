"""The freeze of the source: block its writers, try a write as the application would, prove silence, take it back.

What blocks differs by server: a replica set from MongoDB 6.0 on can refuse every user's writes
(``setUserWriteBlockMode``); otherwise, and on a standalone, the application's users lose the roles that let them
write. Neither is believed because a command answered ok: only a write that is refused under the application's own
credentials counts, and some servers answer ok to commands they do not know.
"""
