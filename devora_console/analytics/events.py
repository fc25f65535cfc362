"""Every event of a product like Devora: its name, its room, its meaning, and what may be said with it.

One declaration serves all: what the backend imports, what may be kept of an event's properties, and what the
figures count. A property that is named neither here, in ``COMMON`` nor in the settings is dropped before anything
is written.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Group(StrEnum):
    """What an event is about."""

    USERS = "users"
    BILLING = "billing"
    PROJECTS = "projects"
    CODE = "code"
    AI = "ai"
    INTEGRATIONS = "integrations"
    SEARCH = "search"
    ERRORS = "errors"
    FEATURES = "features"
    CONSOLE = "console"


# May be said with every event: what kind of thing it was, how large, how long, how it ended. No text of a person.
COMMON = frozenset(
    {
        *("project_id", "project_type", "conversation_id", "message_id", "file_id", "template_id"),
        *("contexts_used", "retrieval_time_ms", "duration_ms", "execution_time_ms", "response_time_ms"),
        *("success", "status", "error_code", "error_type", "status_code", "attempt", "count", "size_bytes"),
        *("source", "platform", "app_version", "language", "feature", "plan"),
    }
)

_MODEL = ("model", "provider", "prompt_tokens", "completion_tokens", "total_tokens", "cost_usd", "tokens_per_second")
_MONEY = ("amount", "currency", "interval", "plan_before", "plan_after", "invoice_id", "trial_days")
_CODE = ("framework", "files_count", "lines_count", "tests_passed", "tests_failed")
_SEARCH = ("search_type", "method", "results_count", "clicked_rank", "filters_count")
_LINK = ("provider", "repository_id", "items_count")
_WHERE = ("component", "operation", "handled", "severity", "route")


class EventType(StrEnum):
    """An event's name, with its ``group``, its ``meaning``, and the ``properties`` of its own that may be said.

    >>> EventType("project_created") is EventType.PROJECT_CREATED, EventType.PROJECT_CREATED.group
    (True, <Group.PROJECTS: 'projects'>)
    """

    group: Group
    meaning: str
    properties: frozenset[str]

    def __new__(cls, name: str, group: Group, meaning: str, properties: tuple[str, ...] = ()) -> Self:
        """A member is its name as text, and carries the rest."""
        made = str.__new__(cls, name)
        made._value_ = name
        made.group, made.meaning, made.properties = group, meaning, frozenset(properties)
        return made

    USER_REGISTERED = "user_registered", Group.USERS, "An account was made", ("signup_method", "referrer_kind")
    USER_EMAIL_VERIFIED = "user_email_verified", Group.USERS, "An e-mail address was confirmed"
    USER_LOGGED_IN = "user_logged_in", Group.USERS, "Somebody signed in", ("login_method",)
    USER_LOGIN_FAILED = "user_login_failed", Group.USERS, "Signing in was refused", ("login_method", "reason_code")
    USER_LOGGED_OUT = "user_logged_out", Group.USERS, "Somebody signed out", ("session_seconds",)
    USER_PASSWORD_RESET = "user_password_reset", Group.USERS, "A password was set anew"
    USER_PROFILE_UPDATED = "user_profile_updated", Group.USERS, "An account's details were changed", ("fields_count",)
    USER_SETTINGS_UPDATED = "user_settings_updated", Group.USERS, "Settings were changed", ("setting",)
    USER_ONBOARDING_COMPLETED = (
        "user_onboarding_completed",
        Group.USERS,
        "The introduction was gone through",
        ("steps",),
    )
    USER_DEACTIVATED = "user_deactivated", Group.USERS, "An account was put to rest", ("reason_code",)
    USER_DELETED = "user_deleted", Group.USERS, "An account was deleted", ("reason_code", "account_days")

    TRIAL_STARTED = "trial_started", Group.BILLING, "A trial began", _MONEY
    TRIAL_ENDED = "trial_ended", Group.BILLING, "A trial ended", (*_MONEY, "converted")
    CHECKOUT_STARTED = "checkout_started", Group.BILLING, "Somebody went to pay", _MONEY
    SUBSCRIPTION_CREATED = "subscription_created", Group.BILLING, "A subscription began", _MONEY
    SUBSCRIPTION_UPGRADED = "subscription_upgraded", Group.BILLING, "A larger plan was taken", _MONEY
    SUBSCRIPTION_DOWNGRADED = "subscription_downgraded", Group.BILLING, "A smaller plan was taken", _MONEY
    SUBSCRIPTION_RENEWED = "subscription_renewed", Group.BILLING, "A subscription went on", _MONEY
    SUBSCRIPTION_CANCELED = "subscription_canceled", Group.BILLING, "A subscription was ended", (*_MONEY, "reason_code")
    PAYMENT_SUCCEEDED = "payment_succeeded", Group.BILLING, "A payment came in", _MONEY
    PAYMENT_FAILED = "payment_failed", Group.BILLING, "A payment was refused", (*_MONEY, "reason_code")
    INVOICE_CREATED = "invoice_created", Group.BILLING, "An invoice was made out", _MONEY
    REFUND_ISSUED = "refund_issued", Group.BILLING, "Money was given back", _MONEY

    PROJECT_CREATED = "project_created", Group.PROJECTS, "A project was made", ("from_template",)
    PROJECT_OPENED = "project_opened", Group.PROJECTS, "A project was opened"
    PROJECT_UPDATED = "project_updated", Group.PROJECTS, "A project was changed", ("fields_count",)
    PROJECT_DELETED = "project_deleted", Group.PROJECTS, "A project was deleted", ("project_days",)
    PROJECT_SHARED = "project_shared", Group.PROJECTS, "A project was shared", ("visibility", "people_count")
    PROJECT_EXPORTED = "project_exported", Group.PROJECTS, "A project was taken out", ("format",)
    PROJECT_DEPLOYED = "project_deployed", Group.PROJECTS, "A project was put online", ("target", "environment")
    PROJECT_FILE_UPLOADED = "project_file_uploaded", Group.PROJECTS, "A file was added", ("file_type",)

    CODE_GENERATION_STARTED = "code_generation_started", Group.CODE, "Code was asked for", (*_MODEL, *_CODE)
    CODE_GENERATED = "code_generated", Group.CODE, "Code was generated", (*_MODEL, *_CODE)
    CODE_GENERATION_FAILED = (
        "code_generation_failed",
        Group.CODE,
        "No code came of it",
        (*_MODEL, *_CODE, "reason_code"),
    )
    CODE_ACCEPTED = "code_accepted", Group.CODE, "Generated code was taken over", _CODE
    CODE_REJECTED = "code_rejected", Group.CODE, "Generated code was thrown away", (*_CODE, "reason_code")
    CODE_EXECUTED = "code_executed", Group.CODE, "Code was run", (*_CODE, "exit_code")
    TESTS_RUN = "tests_run", Group.CODE, "Tests were run", _CODE

    CONVERSATION_STARTED = "conversation_started", Group.AI, "A conversation began", _MODEL
    CONVERSATION_DELETED = "conversation_deleted", Group.AI, "A conversation was deleted", ("messages_count",)
    CHAT_MESSAGE_SENT = "chat_message_sent", Group.AI, "A message was sent to the assistant", _MODEL
    AI_RESPONSE_RECEIVED = "ai_response_received", Group.AI, "The assistant answered", _MODEL
    AI_RESPONSE_FAILED = "ai_response_failed", Group.AI, "The assistant could not answer", (*_MODEL, "reason_code")
    AI_FEEDBACK_GIVEN = "ai_feedback_given", Group.AI, "An answer was judged", ("rating",)
    AGENT_RUN_COMPLETED = "agent_run_completed", Group.AI, "An agent came to its end", (*_MODEL, "agent", "steps")
    RAG_CONTEXT_RETRIEVED = "rag_context_retrieved", Group.AI, "Context was found for a question", ("tokens", "method")
    TOKEN_LIMIT_REACHED = "token_limit_reached", Group.AI, "An account's tokens were used up", _MODEL

    INTEGRATION_CONNECTED = "integration_connected", Group.INTEGRATIONS, "A service was connected", _LINK
    INTEGRATION_DISCONNECTED = "integration_disconnected", Group.INTEGRATIONS, "A service was disconnected", _LINK
    INTEGRATION_FAILED = (
        "integration_failed",
        Group.INTEGRATIONS,
        "A service could not be used",
        (*_LINK, "reason_code"),
    )
    GITHUB_REPOSITORY_LINKED = "github_repository_linked", Group.INTEGRATIONS, "A repository was linked", _LINK
    GITHUB_PUSHED = "github_pushed", Group.INTEGRATIONS, "Code was pushed", (*_LINK, *_CODE)
    WEBHOOK_RECEIVED = "webhook_received", Group.INTEGRATIONS, "A service reported something", (*_LINK, "webhook_kind")
    API_KEY_CREATED = "api_key_created", Group.INTEGRATIONS, "A key to the API was made", ("scopes_count",)

    SEARCH_PERFORMED = "search_performed", Group.SEARCH, "Something was searched", _SEARCH
    SEARCH_NO_RESULTS = "search_no_results", Group.SEARCH, "Nothing was found", _SEARCH
    SEARCH_RESULT_CLICKED = "search_result_clicked", Group.SEARCH, "A hit was opened", _SEARCH

    ERROR_OCCURRED = "error_occurred", Group.ERRORS, "Something failed", _WHERE
    API_ERROR = "api_error", Group.ERRORS, "A request was answered with an error", (*_WHERE, "http_method")
    RATE_LIMITED = "rate_limited", Group.ERRORS, "A request was put off, there were too many", (*_WHERE, "limit")
    SLOW_REQUEST = "slow_request", Group.ERRORS, "A request took too long", (*_WHERE, "http_method")

    PAGE_VIEWED = "page_viewed", Group.FEATURES, "A page was looked at", ("page",)
    FEATURE_USED = "feature_used", Group.FEATURES, "Something of the product was used", ("variant",)
    TEMPLATE_USED = "template_used", Group.FEATURES, "A template was used", ("category",)
    EXPORT_DOWNLOADED = "export_downloaded", Group.FEATURES, "An export was fetched", ("format",)
    NOTIFICATION_SENT = "notification_sent", Group.FEATURES, "Somebody was told something", ("channel", "kind")
    FEEDBACK_SUBMITTED = "feedback_submitted", Group.FEATURES, "Somebody judged the product", ("rating",)
    SUPPORT_REQUESTED = "support_requested", Group.FEATURES, "Somebody asked for help", ("category",)

    CONSOLE_COMMAND_RUN = (
        "console_command_run",
        Group.CONSOLE,
        "A command of this console ended",
        ("command", "exit_code"),
    )


ERRORS = frozenset(each for each in EventType if each.group is Group.ERRORS)


def known(name: str) -> EventType | None:
    """The event type of that name; None for a name of the team's own."""
    return EventType._value2member_map_.get(name)  # type: ignore[return-value]  # members of this enumeration


def allowed(name: str) -> frozenset[str]:
    """The properties that may be said with events of this name, apart from what the settings add."""
    found = known(name)
    return COMMON | found.properties if found else COMMON
