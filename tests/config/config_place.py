"""A directory with configuration files of its own, and nothing of the machine's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from devora_console.config.load import Effective, load
from devora_console.config.show import Checked, check
from devora_console.core.problems import ConsoleError, ExitCode


class Place:
    """A current directory to load settings in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"DEVORA_CONSOLE_HOME": str(folder / "home")}

    def write(self, *, toml: str | None = None, env: str | bytes | None = None) -> None:
        """Put a config.toml (0600) and a .env there; the file not given is removed."""
        for name, text in (("config.toml", toml), (".env", env)):
            path = self.folder / name
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_bytes(text if isinstance(text, bytes) else text.encode())
                path.chmod(0o600)

    def load(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        profile: str | None = None,
        config_file: Path | None = None,
        overrides: Mapping[str, str] | None = None,
    ) -> Effective:
        """Load with nothing but what is given and what was written."""
        return load(
            config_file=config_file,
            profile=profile,
            overrides=overrides or {},
            environ=self.environ | dict(environ or {}),
            cwd=self.folder,
        )

    def error(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        profile: str | None = None,
        config_file: Path | None = None,
        overrides: Mapping[str, str] | None = None,
    ) -> str:
        """The words of the usage error that loading ends with."""
        with pytest.raises(ConsoleError) as caught:
            self.load(environ=environ, profile=profile, config_file=config_file, overrides=overrides)
        assert caught.value.exit_code == ExitCode.USAGE
        assert "\n" not in str(caught.value)
        assert caught.value.__context__ is None, "a chained exception could print what is configured"
        return str(caught.value)

    def check(self, environ: Mapping[str, str] | None = None, profile: str | None = None) -> Checked:
        """The strict check."""
        return check(environ=self.environ | dict(environ or {}), cwd=self.folder, profile=profile)
