"""What the site's script changes: maintenance, environment, processes, routing. Each may be run again, or be killed."""

from __future__ import annotations

import time
from pathlib import Path

from devora_console.demo.site import saved
from devora_console.demo.site.place import INSTANCES, Place
from devora_console.demo.site.running import READY_SECONDS, Starting, begin, end, failed, finish, living
from devora_console.demo.site.web import FAILURES, ask

_DRAIN_SECONDS = 30.0
_POSTGRES, _MONGO = ("POSTGRES_DSN",), ("MONGO_URL", "DB_NAME")


def backend_of_env(env: dict[str, str]) -> str:
    """Which database an environment means."""
    return "postgres" if env.get("POSTGRES_DSN") else "mongo" if env.get("MONGO_URL") else "none"


def maintenance(place: Place, on: bool) -> str:
    """Shut the front, and wait until what had come in before is done; or open it."""
    with place.locked():
        place.change_flags(maintenance=on)
        deadline = time.monotonic() + _DRAIN_SECONDS
        while True:
            try:
                found = ask(place.url("front") + "/-/front", timeout=5.0).json()
            except FAILURES:
                raise failed("front", "the flag is set, but the front does not answer", "run: site start") from None
            if found.get("maintenance") is on and not on:
                return "maintenance is off"
            busy = "the front" if found.get("maintenance") is not on or found.get("under_way") else _busy(place)
            if not busy:
                return "maintenance is on, and no request is under way"
            if time.monotonic() > deadline:
                raise failed("drain", f"the flag is set, but requests may still be under way in {busy}")
            time.sleep(0.02)


def _busy(place: Place) -> str:
    """An instance that works on a request, or does not say; '' when none does.

    The front gives up waiting sooner than an instance gives up working: it may be done there and not here.
    """
    for name in INSTANCES:
        if living(place, name) is not None:
            try:
                if ask(place.url(name) + "/metrics.json", timeout=5.0).json().get("under_way") != 0:
                    return name
            except FAILURES:
                return name
    return ""


def save_state(place: Place, instance: str, file: Path) -> str:
    """Keep the environment and the release that the running process was created with."""
    with place.locked():
        env = place.env(f"{instance}.made.env")
        if not env:
            raise failed("state", f"{instance} has never been created: there is nothing to save")
        again = saved.keep_state(file, instance, env)
    what = f"{instance}: {backend_of_env(env)}, release {env.get('APP_RELEASE', 'unknown')}"
    return f"{'was saved already' if again else 'saved'}: {what}"


def switch_postgres(place: Place, instance: str) -> str:
    """Have the instance's environment name PostgreSQL, and the release built for it. Nothing is restarted."""
    with place.locked():
        place.write_env(f"{instance}.env", postgres_env(place, place.env(f"{instance}.env")))
    return f"{instance}'s environment names PostgreSQL; recreate applies it"


def switch_mongo(place: Place, instance: str, file: Path) -> str:
    """Put the saved environment back, to the letter."""
    with place.locked():
        state = saved.state(file)
        if backend_of_env(state.env) != "mongo":
            raise failed("state", f"what {file} holds is no state on MongoDB")
        place.write_env(f"{instance}.env", state.env)
    return f"{instance}'s environment is the one saved at {state.at}; recreate applies it"


def postgres_env(place: Place, env: dict[str, str]) -> dict[str, str]:
    """An environment moved to PostgreSQL: what named MongoDB goes, so that nothing can be written there."""
    kept = {key: value for key, value in env.items() if key not in (*_MONGO, *_POSTGRES)}
    dsn = place.env("secrets.env")["POSTGRES_DSN"]
    return kept | {"POSTGRES_DSN": dsn, "APP_RELEASE": place.about().releases["postgres"]}


def restart(place: Place, instance: str, seconds: float = READY_SECONDS) -> str:
    """As ``docker compose restart``: the same container again, so the environment it was created with.

    A changed environment is not applied. It is here because the walk has to notice.
    """
    with place.locked():
        env = place.env(f"{instance}.made.env")
        if not env:
            raise failed("restart", f"{instance} has never been created")
        finish(place, begin(place, instance, env), seconds)
    return f"{instance} restarted with the environment it was created with ({backend_of_env(env)})"


def recreate(place: Place, instance: str, seconds: float = READY_SECONDS) -> str:
    """As ``docker compose up -d --force-recreate``: a new process with the environment as it is now."""
    with place.locked():
        env = place.env(f"{instance}.env")
        _create(place, instance, env, seconds)
    return f"{instance} recreated on {backend_of_env(env)}, release {env.get('APP_RELEASE')}"


def deploy(place: Place, instance: str, read_only: bool) -> str:
    """Have an instance run: green on PostgreSQL with the release for it, blue as its environment says."""
    with place.locked():
        if instance == "green":
            env = postgres_env(place, place.env("blue.env"))
            env.pop("APP_READ_ONLY", None)
            place.write_env("green.env", env | ({"APP_READ_ONLY": "1"} if read_only else {}))
        env = place.env(f"{instance}.env")
        if living(place, instance) and env == place.env(f"{instance}.made.env") and _healthy(place, instance):
            return f"{instance} runs on {backend_of_env(env)} already"
        _create(place, instance, env)
    return f"{instance} deployed on {backend_of_env(env)}, release {env.get('APP_RELEASE')}"


def retire(place: Place, instance: str) -> str:
    """End an instance that no visitor is sent to."""
    with place.locked():
        flags = place.flags()
        share = None if flags is None else flags.green_percent if instance == "green" else 100 - flags.green_percent
        writes = flags is None or (flags.read_only and instance == "blue")
        if share != 0 or writes:
            raise failed("retire", f"visitors are sent to {instance}", "route them elsewhere first")
        ran = end(place, instance)
        place.path(f"{instance}.made.env").unlink(missing_ok=True)  # start does not bring it back
    return f"{instance} has ended" if ran else f"{instance} did not run"


def route(place: Place, percent: int, read_only: bool) -> str:
    """Send so many of a hundred visitors to green. ``read_only``: they read there; all writes go to blue."""
    with place.locked():
        for instance, wanted in (("green", percent > 0), ("blue", percent < 100 or read_only)):
            if wanted and not _healthy(place, instance):
                raise failed(
                    "route", f"{instance} does not answer: nobody is sent there", f"run: site deploy {instance}"
                )
        flags, green = place.flags(), place.env("green.made.env")
        open_now = flags is not None and not flags.maintenance
        if open_now and percent and not read_only and green.get("APP_READ_ONLY") == "1":
            raise failed("route", "green refuses writes", "run: site deploy green; or route with --read-only")
        place.change_flags(green_percent=percent, read_only=read_only)
    return f"{percent} % of the visitors go to green" + (", to read; all writes go to blue" if read_only else "")


def routed(place: Place, percent: int) -> tuple[bool | None, str]:
    """Whether the front sends so many of a hundred visitors to green; it says itself what it goes by."""
    try:
        found = ask(place.url("front") + "/-/front", timeout=5.0).json().get("green_percent")
    except FAILURES:
        return None, "the front does not answer"
    return found == percent, f"{found} % of the visitors go to green"


def start(place: Place) -> str:
    """Start what does not run, with the environments that were created; leave alone what does."""
    with place.locked():
        under_way: list[Starting] = []
        for name in ("front", *INSTANCES):
            env = place.env(f"{name}.made.env")
            if name == "blue" and not env and not place.path("green.made.env").exists():
                env = place.env("blue.env")  # the very first start creates it
                place.write_env("blue.made.env", env)
            if (env or name == "front") and living(place, name) is None:
                under_way.append(begin(place, name, env))
        for starting in under_way:
            finish(place, starting)
    names = ", ".join(each.name for each in under_way)
    return f"started: {names}" if names else "everything runs already"


def stop(place: Place) -> str:
    """End everything."""
    with place.locked():
        ended = [name for name in ("traffic", "front", *INSTANCES) if end(place, name)]
    return f"ended: {', '.join(ended)}" if ended else "nothing ran"


def traffic(place: Place, on: bool) -> str:
    """Have visitors write through the front, or stop them."""
    with place.locked():
        if not on:
            return "traffic has stopped" if end(place, "traffic") else "there was no traffic"
        if living(place, "traffic") is not None:
            return "there is traffic already"
        finish(place, begin(place, "traffic"))
    return "traffic has started"


def _create(place: Place, instance: str, env: dict[str, str], seconds: float = READY_SECONDS) -> None:
    if backend_of_env(env) == "none":
        raise failed("env", f"{instance}'s environment names no database")
    # Ended before the record of its environment changes: what is recorded is never better than what runs.
    end(place, instance)
    place.write_env(f"{instance}.made.env", env)
    finish(place, begin(place, instance, env), seconds)


def _healthy(place: Place, instance: str) -> bool:
    try:
        return ask(place.url(instance) + "/health", timeout=5.0).status == 200
    except FAILURES:
        return False
