"""One guard for every act: what changes a server or the world is armed, confirmed, or refused here."""

from __future__ import annotations

from dataclasses import dataclass

from devora_console.core.problems import refused


@dataclass(frozen=True, slots=True)
class Act:
    """Something that changes a server: ``words`` say what, ``name`` is the object a person types to confirm.

    ``always_typed`` asks for the name on every profile, not on production alone.
    """

    words: str
    name: str
    always_typed: bool = False


@dataclass(frozen=True, slots=True)
class Guard:
    """What this process may do. ``typed`` is what a person typed (or gave as ``--yes-i-typed``)."""

    production: bool
    read_only: bool
    allow_writes: bool
    typed: str | None = None

    @property
    def armed(self) -> bool:
        """Whether acts are possible at all, each after its own confirmation."""
        return self.allow_writes if self.production else not self.read_only

    def permit(self, act: Act, typed: str | None = None) -> None:
        """Return when the act may be done now. Raises ConsoleError (exit 4) saying what is missing."""
        if not self.armed:
            why = "this profile is production" if self.production else "this session is read-only"
            how = "Arm it with --allow-writes" if self.production else "Leave out --read-only (or read_only = true)"
            raise refused("read_only", f"refused to {act.words}: {why}", how)
        given = typed if typed is not None else self.typed
        if (self.production or act.always_typed) and given != act.name:
            raise refused(
                "not_confirmed",
                f"refused to {act.words}: not confirmed",
                f"Type its name to confirm: --yes-i-typed {act.name}",
            )
