"""The units of work that a migration is made of, and who does them.

A unit is a plain, picklable value: what to read, and what to do with it. It runs in this process, in a worker process,
or on a machine of a cluster; it never reads anything but its piece of the source and PostgreSQL.
"""
