"""What can be configured: every key with its meaning, unit, range and built-in default.

The descriptions here are the documentation: ``config.example.toml`` is made from them. Keys marked derived
cannot be given; the loader works them out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from devora_console.config.analytics import AnalyticsSettings
from devora_console.config.bench import BenchSettings
from devora_console.config.conninfo import ConninfoError, wrong_scheme
from devora_console.config.embed import EmbedSettings
from devora_console.config.exporter import ExporterSettings
from devora_console.config.libpq import normalise
from devora_console.config.metrics import MetricsSettings
from devora_console.config.outside import CutoverSettings
from devora_console.config.quarantine import QuarantineBudget
from devora_console.config.rag import RagSettings
from devora_console.config.searching import SearchSettings
from devora_console.config.secret import Dsn, Secret
from devora_console.config.sections import Section
from devora_console.config.thresholds import (
    ActivitySettings,
    HealthSettings,
    IndexesSettings,
    PlansSettings,
    QueriesSettings,
)
from devora_console.config.watch import WatchSettings

DERIVED = {"derived": True}
MONGO_SCHEMES = ("mongodb", "mongodb+srv")


def _postgres_dsn(dsn: Dsn) -> Dsn:
    """Judge the string, and bring both of libpq's forms into the one that every driver and tool takes."""
    try:
        return Dsn(normalise(dsn.reveal()))
    except ConninfoError as error:
        reason = str(error)
    raise PydanticCustomError("dsn", "{reason}", {"reason": reason})


def _mongo_url(url: Dsn) -> Dsn:
    reason = _mongo_fault(url)
    if reason:
        raise PydanticCustomError("dsn", "{reason}", {"reason": reason})
    return Dsn(url.reveal().strip())


def _mongo_fault(url: Dsn) -> str:
    text = url.reveal().strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        return "is not of the form 'mongodb://...' or 'mongodb+srv://...'"
    if scheme not in MONGO_SCHEMES:
        return wrong_scheme(scheme, MONGO_SCHEMES)
    if not text.isprintable():
        return "holds control characters or bytes that are not UTF-8"
    authority = rest.partition("?")[0].partition("/")[0]
    if authority.count("@") > 1:
        return "has more than one '@' before its host; write an '@' in a password as %40"
    if not authority.rpartition("@")[2]:
        return "names no host"
    return ""


def _database(name: str) -> str:
    if (
        not name
        or len(name.encode(errors="surrogateescape")) > 63
        or not name.isprintable()
        or set(name) & set('/\\. "$*<>:|?\0')
    ):
        raise PydanticCustomError("database", "is not a database name MongoDB allows")
    return name


def _quarantine(value: object) -> object:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and QuarantineBudget.parse(text) is None:
        raise PydanticCustomError("quarantine", "should be a count such as '50' or a percentage such as '10%'")
    return text.strip() if isinstance(text, str) else text


PostgresDsn = Annotated[Dsn, AfterValidator(_postgres_dsn)]
MongoUrl = Annotated[Dsn, AfterValidator(_mongo_url)]
Name = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[\x20-\x7e]+$")]


class PostgresSettings(Section):
    """The target: how to reach PostgreSQL, and how patient to be."""

    dsn: PostgresDsn | None = Field(
        default=None,
        description="Where PostgreSQL is: postgresql://user:password@host:5432/db, 'host=... dbname=...' or "
        "'service=name'. Also POSTGRES_DSN. Without it libpq's own variables count (PGHOST, PGSERVICE, "
        "PGDATABASE).",
        examples=["postgresql://devora_user@localhost/devora_db"],
    )
    superuser_dsn: PostgresDsn | None = Field(
        default=None,
        description="A superuser's connection, for 'schema bootstrap' (roles, database, extensions) and for the "
        "databases that backups are restored into; nothing else uses it.",
        examples=["postgresql://postgres@localhost/postgres"],
    )
    connect_timeout_seconds: float = Field(default=10.0, gt=0, le=600, description="Seconds to wait for a connection.")
    statement_timeout_seconds: float = Field(
        default=30.0,
        gt=0,
        le=86_400,
        description="Seconds after which the server ends a statement of the watching screens.",
    )
    from_libpq: bool = Field(
        default=False,
        description="True when no dsn is given and libpq's variables name the server.",
        json_schema_extra={**DERIVED},
    )


class MongoSettings(Section):
    """The source: how to reach MongoDB."""

    url: MongoUrl | None = Field(
        default=None,
        description="Where MongoDB is: mongodb://host:27017 or mongodb+srv://host. Also MONGO_URL.",
        examples=["mongodb://localhost:27017"],
    )
    admin_url: MongoUrl | None = Field(
        default=None,
        description="For 'source freeze' and 'source unfreeze' only: the same server with a user that may change the "
        "roles of others (userAdminAnyDatabase) and, on a replica set of MongoDB 6.0 or later, block writes "
        "(clusterAdmin or restore, and clusterMonitor). Not the application's user: that one loses its right to "
        "write. Without it url. Better kept in the environment than here.",
        examples=["mongodb://admin@localhost:27017/?authSource=admin"],
    )
    app_url: MongoUrl | None = Field(
        default=None,
        description="How the application itself connects, with its own credentials: a freeze is believed only when a "
        "write with them is refused ('source canary'). Without it url. Better kept in the environment than here.",
        examples=["mongodb://devora@localhost:27017/devora_db"],
    )
    database: Annotated[str, AfterValidator(_database)] = Field(
        default="devora_db", description="The database to migrate. Also DB_NAME."
    )
    server_selection_timeout_seconds: float = Field(
        default=5.0, gt=0, le=600, description="Seconds to wait for a usable member of the deployment."
    )
    read_preference: Literal["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"] | None = (
        Field(
            default=None,
            description="Which member to read from: primary, primaryPreferred, secondary, secondaryPreferred or "
            "nearest. Without it the url decides, and MongoDB's own default is primary.",
            examples=["primary"],
        )
    )


class MigrationSettings(Section):
    """The copy from MongoDB to PostgreSQL."""

    # Not strict: a path is written as text.
    mapping: Path | None = Field(
        default=None,
        strict=False,
        description="A mapping file of your own instead of the one that comes with the console. In this file "
        "relative to its directory, elsewhere to the current one.",
        examples=["maps/devora.toml"],
    )
    batch_bytes: int = Field(
        default=1_000_000,
        ge=10_000,
        le=256_000_000,
        description="Bytes of a piece of the source, which one worker takes at a time, and of the first batches that "
        "are written; later ones are as large as can be written in a third of a second.",
    )
    max_quarantine: Annotated[str, BeforeValidator(_quarantine)] = Field(
        default="10%",
        description="How many documents may be quarantined before a run stops: a count ('50') or a part of "
        "all documents to migrate ('10%').",
    )
    sample: int = Field(
        default=100,
        ge=1,
        le=1_000_000,
        description="Documents of each collection compared field by field by 'verify'.",
    )
    workers: int | None = Field(
        default=None,
        ge=0,
        le=64,
        description="Worker processes that copy; 0 works in the console's own process. Without it one per processor, "
        "up to eight, and none for a source of a few megabytes.",
        examples=[4],
    )
    bulk_load: bool | None = Field(
        default=None,
        description="Whether a copy into empty tables sets indexes, foreign keys and triggers aside and makes them "
        "again afterwards. Without it from 16 MB of documents on.",
        examples=[True],
    )


class TerminalSettings(Section):
    """The screens."""

    refresh_seconds: float = Field(
        default=2.0, ge=0.25, le=3600, description="Seconds between two looks at the servers."
    )
    theme: Name = Field(default="auto", description="A theme's name; auto chooses one that suits the terminal.")
    unicode: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Line drawing and signs beyond ASCII: auto (as the locale says), always or never.",
    )


class Settings(Section):
    """Everything the console is told. Frozen; prints, dumps and compares without giving a secret away."""

    environment: Name = Field(
        default="development",
        description="What these servers are: development, staging, production, ... Also ENVIRONMENT. In a "
        "profile the default is the profile's name. production (or prod) makes the console read-only.",
    )
    read_only: bool = Field(
        default=False,
        description="Refuse everything that changes a server. Production is always read-only; there only "
        "--allow-writes on the command line arms a command.",
    )
    production: bool = Field(
        default=False,
        description="True when the environment, or the profile in use, is production.",
        json_schema_extra={**DERIVED},
    )
    postgres: PostgresSettings = PostgresSettings()
    mongo: MongoSettings = MongoSettings()
    migration: MigrationSettings = MigrationSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    metrics: MetricsSettings = MetricsSettings()
    search: SearchSettings = SearchSettings()
    embed: EmbedSettings = EmbedSettings()
    rag: RagSettings = RagSettings()
    bench: BenchSettings = BenchSettings()
    cutover: CutoverSettings = CutoverSettings()
    exporter: ExporterSettings = ExporterSettings()
    terminal: TerminalSettings = TerminalSettings()
    queries: QueriesSettings = QueriesSettings()
    plans: PlansSettings = PlansSettings()
    indexes: IndexesSettings = IndexesSettings()
    health: HealthSettings = HealthSettings()
    activity: ActivitySettings = ActivitySettings()
    watch: WatchSettings = WatchSettings()
    extra_secrets: tuple[Secret, ...] = Field(
        default=(),
        description="Values of the application's own keys in .env, to be kept out of messages.",
        json_schema_extra={**DERIVED},
    )

    def secrets(self) -> tuple[Secret, ...]:
        """Every secret here, for :func:`devora_console.config.secret.scrub`."""
        own = (
            self.postgres.dsn,
            self.postgres.superuser_dsn,
            self.mongo.url,
            self.mongo.admin_url,
            self.mongo.app_url,
            self.analytics.posthog_api_key,
            self.analytics.posthog_personal_api_key,
            self.cutover.notify_url,
            self.search.openai_api_key,
            self.embed.api_key,
            self.rag.api_key,
        )
        return (*(secret for secret in own if secret is not None), *self.extra_secrets)
