"""[cutover.vars]: a table of the file, NAME=VALUE words elsewhere, united name by name."""

from __future__ import annotations

import pytest

from devora_console.config.show import show
from tests.config.config_place import Place

FILE = """\
[cutover.vars]
site = "/opt/site.sh"
front_url = "https://devora.example"
[profiles.staging.cutover.vars]
front_url = "https://staging.example"
"""


def test_each_name_comes_from_the_weightiest_that_gives_it(place: Place) -> None:
    place.write(toml=FILE)
    assert place.load().settings.cutover.vars == {"site": "/opt/site.sh", "front_url": "https://devora.example"}
    staging = place.load(profile="staging")
    assert staging.settings.cutover.vars == {"site": "/opt/site.sh", "front_url": "https://staging.example"}
    place.environ["DEVORA_CONSOLE__CUTOVER__VARS"] = "tests='make test' front_url=http://10.0.0.1"
    assert place.load(profile="staging").settings.cutover.vars == {
        "site": "/opt/site.sh",
        "front_url": "http://10.0.0.1",
        "tests": "make test",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[cutover.vars]\nsite = 5\n", "config.toml:1: cutover.vars: site should be text, in quotes"),
        ("[cutover.vars]\nSite = 'x'\n", "config.toml:1: cutover.vars: a variable is named with a-z, 0-9 and '_'"),
        ("[cutover]\nvars = 5\n", "config.toml:2: cutover.vars: should be a table of names and texts"),
        ("[cutover]\nvars = 'site'\n", "config.toml:2: cutover.vars: should be NAME=VALUE words with spaces between"),
    ],
)
def test_what_is_no_variable_is_named(place: Place, text: str, said: str) -> None:
    place.write(toml=text)
    assert place.error().startswith(said)


def test_a_connection_string_among_them_is_shown_without_its_password(place: Place) -> None:
    place.write(toml="[cutover.vars]\nurl = 'mongodb://ana:hunter2X@h/x'\n")
    rows = {row.key: row for row in show(place.load()).rows}
    assert rows["cutover.vars"].value == {"url": "mongodb://ana:***@h/x"}
