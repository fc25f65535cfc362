"""The whole schema as text for psql: the guide's first way of creating it, with our record kept.

``psql -v ON_ERROR_STOP=1 -f`` runs it as often as one likes: applied versions and versions whose extension is
missing are skipped, as ``schema apply`` skips them.
"""

from __future__ import annotations

from devora_console.schema.record import LOCK_KEY, PREPARE, describe_sql, record_sql
from devora_console.schema.versions import LATEST, Version, versions

_HEAD = """\
-- Schema of Devora, versions 1 to {latest}. Run it with: psql -v ON_ERROR_STOP=1 -f FILE DATABASE
\\set ON_ERROR_STOP on
SET client_min_messages = warning;
SELECT pg_advisory_lock({lock}) \\g /dev/null
"""
_DOWN_HEAD = """\
-- Removes the schema of Devora, versions {latest} to 1, WITH ALL ITS DATA. Take a backup first.
-- Also removes the schema of the migration guide, whose objects have the same names.
-- Run it with: psql -v ON_ERROR_STOP=1 -f FILE DATABASE
-- Roles (app_user, admin_role, metrics_role) and extensions stay: other databases may use them.
\\set ON_ERROR_STOP on
SET client_min_messages = warning;
SELECT pg_advisory_lock({lock}) \\g /dev/null
BEGIN;
"""
_STEP = """
\\echo {label}
SELECT to_regclass('devora_console.schema_version') IS NOT NULL AS devora_known \\gset
\\set devora_done false
\\if :devora_known
SELECT EXISTS (SELECT FROM devora_console.schema_version WHERE version = {number}) AS devora_done \\gset
\\endif
\\set devora_ready true
\\if :devora_done
\\set devora_ready false
\\else
{ready}\\endif
\\if :devora_ready
BEGIN;
{prepare}
{up}
{record}
{describe}
COMMIT;
\\endif
"""
_READY = """\
SELECT {loaded}EXISTS (SELECT FROM pg_extension WHERE extname = '{name}') OR EXISTS (
           SELECT FROM pg_available_extensions e
             JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
            WHERE e.name = '{name}'
              AND ((SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
                   OR v.trusted AND has_database_privilege(current_database(), 'CREATE')))
       AS devora_ready \\gset
\\if :devora_ready
\\else
\\echo '  waits for extension {name}{how}'
\\endif
"""
_UNLOCK = "\nSELECT pg_advisory_unlock({lock}) \\g /dev/null\n"


def script(*, down: bool = False) -> str:
    """What psql runs to apply every version, or with ``down`` to remove everything, data included."""
    if down:
        parts = [_DOWN_HEAD.format(latest=LATEST, lock=LOCK_KEY)]
        parts += [f"\n\\echo {version.label}\n{version.down}" for version in reversed(versions())]
        return "".join(parts) + "\nCOMMIT;\n" + _UNLOCK.format(lock=LOCK_KEY)
    parts = [_HEAD.format(latest=LATEST, lock=LOCK_KEY)]
    parts += [_step(version) for version in versions()]
    return "".join(parts) + _UNLOCK.format(lock=LOCK_KEY)


def _step(version: Version) -> str:
    return _STEP.format(
        label=version.label,
        number=version.number,
        ready=_ready(version),
        prepare=PREPARE,
        up=version.up,
        record=record_sql(version),
        describe=describe_sql(),
    )


def _ready(version: Version) -> str:
    """psql's question whether the extension is there or may be created."""
    if version.extension is None:
        return ""
    loaded, how = "", ""
    if version.loaded:
        loaded = f"current_setting('{version.extension}.max', true) IS NOT NULL AND ("
        how = " in shared_preload_libraries"
    text = _READY.format(name=version.extension, loaded=loaded, how=how)
    return text.replace("\n       AS devora_ready", ")\n       AS devora_ready") if version.loaded else text
