"""Key bindings, made from the one declaration of actions."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding, BindingType

from devora_console.core.actions import ACTIONS, PLACES, Action


def screen_bindings(screen: str) -> list[BindingType]:
    """The bindings of one screen's own actions."""
    return [_binding(action) for action in ACTIONS if screen in action.screens]


def app_bindings() -> list[BindingType]:
    """The bindings of every screen: general actions and the number keys."""
    numbers: list[BindingType] = [
        Binding(place.key, f"go('{place.id}')", place.title, show=False, id=f"go.{place.id}") for place in PLACES
    ]
    return [*numbers, *(_binding(action) for action in ACTIONS if not action.screens)]


def _binding(action: Action) -> Binding:
    return Binding(",".join(map(_name, action.keys)), action.verb, action.words, show=False, id=action.id)


def _name(key: str) -> str:
    # A comma separates keys in a binding; Textual has words for signs.
    return {
        ",": "comma",
        ":": "colon",
        "?": "question_mark",
        "/": "slash",
        "<": "less_than_sign",
        ">": "greater_than_sign",
    }.get(key, key)


def textual_keymap(keymap: dict[str, str]) -> dict[str, str]:
    """A keymap in Textual's spelling of keys."""
    return {name: _name(key) for name, key in keymap.items()}


def key_of(actions: Sequence[Action], name: str) -> str:
    """The key shown for the action ``name``."""
    return next((action.key for action in actions if action.id == name), "")
