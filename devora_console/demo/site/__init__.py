"""A small real application with a front and a script: what a cutover acts upon in the demo and in the tests.

It is the target's stand-in for Devora's backend, nginx and docker compose, and keeps what is treacherous about them:
a restart does not apply a changed environment, a session outlives the switch only if ids do, and what visitors write
after the switch is not in the old database.
"""
