"""The palette: actions of the screen by name, from the one declaration."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from devora_console.core.actions import PLACES, Action, actions_of
from devora_console.tui.screens.base import ConsoleScreen

if TYPE_CHECKING:
    from devora_console.tui.app import DevoraApp


class ActionProvider(Provider):
    """Offers what can be done on the screen the palette was opened from."""

    def _offers(self) -> list[tuple[str, str, str]]:
        """Words, help and Textual action of everything usable now."""
        screen = self.screen
        offers: list[tuple[str, str, str]] = []
        if isinstance(screen, ConsoleScreen):
            words = screen.words()
            for action in actions_of(screen.name_of, cast("DevoraApp", self.app).actions):
                if action.verb != "palette" and screen.check_action(action.verb, ()) is True:
                    offers.append((_title(action, words), action.about, action.verb))
        offers += [(f"go to {place.title}  ({place.key})", place.about, f"go('{place.id}')") for place in PLACES]
        return offers

    async def discover(self) -> Hits:
        """Everything, before a letter is typed."""
        for words, about, action in self._offers():
            yield DiscoveryHit(Content(words), partial(self._run, action), help=about)

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for words, about, action in self._offers():
            score = max(matcher.match(words), matcher.match(about) * 0.8)
            if score > 0:
                yield Hit(score, matcher.highlight(words), partial(self._run, action), help=about)

    async def _run(self, action: str) -> None:
        screen = self.screen
        verb = action.partition("(")[0]
        namespace = screen if hasattr(screen, f"action_{verb}") else self.app
        await self.app.run_action(action, default_namespace=namespace)


def _title(action: Action, words: dict[str, str]) -> str:
    return f"{words.get(action.id, action.words)}  ({action.key})"
