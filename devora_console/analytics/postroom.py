"""Events to PostHog, through its SDK, and what its answer means.

The SDK builds each event; its queue is left out, because it tells of failures only, and an event that it dropped looks
like one that arrived. The SDK's own request is made here, and an event counts as delivered when PostHog said so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from posthog import Posthog
from posthog.request import APIError, batch_post

from devora_console.analytics.outcome import Fate, Outcome
from devora_console.analytics.privacy import Dropped, Privacy
from devora_console.analytics.store import Taken
from devora_console.config.secret import Secret, scrub
from devora_console.core.safetext import one_line

SECONDS = 10.0
"""How long an answer may take to begin, and to go on."""

# It logs every failure with its traceback; what matters of it is in the outcome.
_log = logging.getLogger("posthog")
_log.addHandler(logging.NullHandler())
_log.propagate = False
# What the SDK says of itself, and what it is told beside the properties.
_ITS_OWN = frozenset({"$lib", "$lib_version", "$geoip_disable", "$process_person_profile", "$session_id", "$is_server"})
_SPLIT, _LATER = frozenset({400, 413, 422}), frozenset({408, 425, 429})


class Postroom:
    """One project at PostHog. Blocks: called on a thread that may wait."""

    def __init__(self, key: Secret, host: str, privacy: Privacy, *, seconds: float = SECONDS) -> None:
        self._key, self._host, self._privacy, self._seconds = key, host, privacy, seconds
        self._built: list[dict[str, Any]] = []
        # Of our own: a child of this process makes another one, and no redirect takes events and key elsewhere.
        self._session = requests.Session()
        self._session.max_redirects = 0
        self._client = Posthog(
            key.reveal(),
            host=host,
            sync_mode=True,  # no thread: nothing ever reaches its queue
            before_send=self._keep,
            privacy_mode=True,
            disable_geoip=True,
            enable_exception_autocapture=False,
        )

    def send(self, events: Sequence[Taken]) -> Outcome:
        """Send them in one request. An event that cannot be built makes the batch one to be split."""
        batch = self._batch(events)
        if len(batch) != len(events):
            return Outcome(Fate.SPLIT, "an event cannot be built")
        try:
            answer = batch_post(
                self._key.reveal(),
                self._host,
                gzip=True,
                timeout=self._seconds,
                session=self._session,
                batch=batch,
                historical_migration=False,
            )
        except APIError as error:
            return self._refused(error)
        except requests.Timeout:
            return Outcome(Fate.LATER, "PostHog does not answer in time")
        except requests.TooManyRedirects:
            return Outcome(Fate.HALT, "PostHog's address leads elsewhere (a redirect); give the one that takes events")
        except requests.exceptions.InvalidURL:
            return Outcome(Fate.HALT, "PostHog's address is none")
        except requests.RequestException as error:
            return Outcome(Fate.LATER, f"PostHog cannot be reached ({type(error).__name__})")
        return _confirmed(answer)

    def _batch(self, events: Sequence[Taken]) -> list[dict[str, Any]]:
        self._built = []
        for each in events:
            properties = dict(each.properties)
            if each.session is not None:
                properties["$session_id"] = str(each.session)
            if each.person is None:
                properties["$process_person_profile"] = False
            self._client.capture(
                each.event,
                distinct_id=each.person or str(each.id),
                properties=properties,
                timestamp=each.at,
                uuid=str(each.id),
            )
            time.sleep(1e-5)  # a true pause: whoever calls track_event meanwhile gets the interpreter
        return self._built

    def _keep(self, event: dict[str, Any]) -> None:
        """The last lock: what is not listed does not leave. Raising here drops the event, says the SDK."""
        said: Mapping[str, Any] = event["properties"]
        kept = self._privacy.kept(event["event"], {k: v for k, v in said.items() if k not in _ITS_OWN}, Dropped())
        event["properties"] = kept | {name: value for name, value in said.items() if name in _ITS_OWN}
        self._built.append(event)

    def _refused(self, error: APIError) -> Outcome:
        status = error.status if isinstance(error.status, int) else 0
        said = one_line(scrub(str(error.message), self._key), 120)
        why = f"PostHog answers {status}: {said}" if said else f"PostHog answers {status}"
        if status in _SPLIT:
            return Outcome(Fate.SPLIT, why)
        if status >= 500 or status in _LATER or not status:
            return Outcome(Fate.LATER, why, getattr(error, "retry_after", None))
        if status in (401, 403):
            why += " (the key or the host is wrong)"
        return Outcome(Fate.HALT, why)


def _confirmed(answer: requests.Response) -> Outcome:
    """A status of 200 alone says little: a proxy's own page has it too."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict) or said.get("status") not in (1, "Ok", "ok", "OK"):
        return Outcome(Fate.HALT, "what answers is not PostHog (200 without its confirmation)")
    if said.get("quota_limited"):
        return Outcome(Fate.LATER, "PostHog drops events: the project's quota is used up", 3600)
    return Outcome(Fate.DELIVERED)
