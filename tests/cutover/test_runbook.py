"""Reading a runbook: what is right is read as it is meant, what is wrong is told in one line with its place."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.cutover.model import Command, ProbeKind, StepKind
from devora_console.cutover.runbook import Given, load_runbook, parse_runbook
from tests.cutover.small_runbook import SMALL, SURROUNDINGS, given, small

_UNDO = SMALL[SMALL.index('  [step.undo]\n  run = ["{site}", "back"]') : SMALL.index('\n[[step]]\nid = "open"')]
_SWITCH_RUN = 'run = ["{site}", "switch"]'


def fault(text: str, **variables: str) -> str:
    """The one line that reading ends with."""
    with pytest.raises(ConsoleError) as caught:
        small(text, **variables)
    assert caught.value.exit_code is ExitCode.USAGE
    assert "\n" not in str(caught.value)
    return str(caught.value)


def spoilt(old: str, new: str, count: int = 1) -> str:
    """The small runbook with a piece of it replaced."""
    assert old in SMALL
    return SMALL.replace(old, new, count)


def line_of(text: str, piece: str) -> int:
    """The line on which ``piece`` stands first."""
    return next(at for at, line in enumerate(text.splitlines(), 1) if piece in line)


def test_what_is_written_is_what_is_read() -> None:
    book = small()
    assert [(step.id, step.kind) for step in book.steps] == [
        ("preflight", StepKind.GATES),
        ("shut", StepKind.COMMAND),
        ("save", StepKind.COMMAND),
        ("switch", StepKind.COMMAND),
        ("open", StepKind.COMMAND),
        ("watch", StepKind.WAIT),
    ]
    assert book.step("preflight").gates == ("migration.dry_run", "team.informed")  # source.silent is due later
    assert book.step("save").command == Command(
        ("python", "-m", "devora_console", "backup", "mongo", "--out", "{run_dir}/mongo"), 300.0
    )
    switch = book.step("switch")
    assert switch.command is not None
    assert switch.command.env == {"MODE": "postgres"}
    assert switch.probes[0].argv == ("/opt/site.sh", "check", "{}")
    probe = book.step("shut").probes[0]
    assert (probe.id, probe.kind, probe.url, probe.status, probe.times) == (
        "post.1",
        ProbeKind.HTTP,
        "http://front/",
        503,
        3,
    )
    assert book.step("watch").expect_seconds == 600
    assert book.point_of_no_return == book.step("open")
    assert [(each.id, each.phase, each.ttl_seconds) for each in book.gates] == [
        ("migration.dry_run", "start", None),
        ("team.informed", "start", 72 * 3600),
        ("source.silent", "switch", None),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "timeout_seconds = 60",
            "timeout_second = 60",
            "step[shut].timeout_second: unknown key; did you mean 'timeout_seconds'?",
        ),
        ("contains =", "contain =", "step[shut].probe[1].contain: unknown key; did you mean 'contains'?"),
        (
            'kind = "gates"',
            'kind = "gate"',
            "'approval', 'gates', 'wait' or 'probe'; did you mean 'gates'?",
        ),
        ('id = "save"', 'id = "shut"', "step[shut].id: there is a step 'shut' already"),
        (
            'id = "source.silent"',
            'id = "migration.dry_run"',
            "gate[migration.dry_run].id: there is a gate 'migration.dry_run' already",
        ),
        (
            'id = "source.silent"',
            'id = "source.silence"',
            "no gate 'source.silence' can be measured; did you mean 'source.silent'?",
        ),
        (
            'gate = "backup.mongo"',
            'gate = "backup.mango"',
            "step[save].probe[1].gate: no gate 'backup.mango' can be measured; did you mean 'backup.mongo'?",
        ),
        (
            'before = "switch"',
            'before = "swich"',
            "gate[source.silent].before: no step 'swich'; did you mean 'switch'?",
        ),
        (
            "wait_seconds = 600",
            'wait_seconds = 600\n  [[step.guardrail]]\n  http = "{front_url}/"\n  until = "open"',
            "step[watch].guardrail[1].until: no later step 'open'",
        ),
        (
            'kind = "gates"',
            'kind = "gates"\ngates = ["team.informd"]',
            "no [[gate]] 'team.informd' in this runbook; did you mean 'team.informed'?",
        ),
        ('id = "team.informed"', 'id = "disk.free"', "'disk.free' is measured: what a person says does not open it"),
        ('about = "Who, when, where"\n', "", "a gate that a person attests needs about: what the evidence"),
        ("timeout_seconds = 60", "timeout_seconds = 0", "step[shut].timeout_seconds: should be greater than 0"),
        ("timeout_seconds = 60", "timeout_seconds = -1", "step[shut].timeout_seconds: should be greater than 0"),
        ("timeout_seconds = 60", "timeout_seconds = nan", "step[shut].timeout_seconds: should be a finite number"),
        ("timeout_seconds = 60", 'timeout_seconds = "60"', "step[shut].timeout_seconds: should be a number"),
        ("ponr = true", "ponr = true\npeople = 0", "step[open].people: should be greater than or equal to 1"),
        ("wait_seconds = 600", "", "step[watch]: a step of kind 'wait' needs wait_seconds"),
        (
            "wait_seconds = 600",
            "wait_seconds = 600\nrun = ['x']",
            "step[watch].run: means nothing for a step of kind 'wait'",
        ),
        (
            'run = ["{site}", "switch"]',
            'run = "site switch"',
            'step[switch].run: should be a list of words, without a shell: ["program", "argument"]',
        ),
        ('run = ["{site}", "switch"]', "run = []", "step[switch].run: is empty"),
        ('run = ["{site}", "switch"]', "run = [' ']", "step[switch].run: names no program"),
        (
            '  [[step.probe]]\n  gate = "backup.mongo"\n',
            "",
            "step[save]: has no [[step.probe]]: exit code 0 alone never makes a step green",
        ),
        (
            _UNDO,
            "",
            "step[switch]: does not say how it is taken back: [step.undo]. Or say why there is none: words = 'nothing",
        ),
        ("nothing to undo: a backup is kept", "nothing to undo: ", "does not say why there is nothing to undo"),
        (
            '    [[step.undo.probe]]\n    run = ["{site}", "check"]\n',
            "",
            "step[switch].undo: has no [[step.undo.probe]]",
        ),
        (
            "wait_seconds = 600",
            'wait_seconds = 600\nponr = true\nrehearsal = { how = "skip", reason = "x" }',
            "step[watch].ponr: there is one point of no return: 'open' is it already",
        ),
        ("ponr = true\n", "", "runbook: no step says ponr = true"),
        (
            'reason = "it lets visitors in"\n',
            'reason = "x"\n  [step.undo]\n  run = ["{site}", "maintenance", "on"]\n  words = "it is shut"\n',
            "step[open].undo.run: from the point of no return on nothing takes a step back",
        ),
        (
            'reason = "it lets visitors in"\n',
            'reason = "x"\n  [step.undo]\n  run = ["{site}", "maintenance", "on"]\n  words = "plan B: shut it"\n',
            "step[open].undo: has no [[step.undo.probe]]",
        ),
        (
            'reason = "it lets visitors in"\n',
            'reason = "x"\n  [step.undo]\n  words = "plan B: shut it"\n  past_only = true\n',
            "step[open].undo.past_only: is past the point of no return anyway",
        ),
        (
            'reason = "it lets visitors in"\n',
            'reason = "x"\n  [step.undo]\n  words = "Maintenance ON"\n',
            "step[open].undo: from the point of no return on nothing takes a step back",
        ),
        (
            '  [step.rehearsal]\n  how = "skip"\n  reason = "it lets visitors in"\n',
            "",
            "step[open]: a rehearsal would pass the point of no return",
        ),
        ('how = "skip"', 'how = "run"', "step[open].rehearsal.how: a rehearsal would pass the point of no return"),
        ('  reason = "it lets visitors in"\n', "", "step[open].rehearsal: does not say why it is skipped: reason"),
        (
            '"{site}", "switch"',
            '"{sit}", "switch"',
            "step[switch].run[1]: no variable {sit}; did you mean 'site'? Declare it in [vars]: sit = ''",
        ),
        (
            '"{site}", "switch"',
            '"{site}", "{Not}"',
            "step[switch].run[2]: a brace that is no {variable}; a brace itself is written twice: {{ or }}",
        ),
        (
            '"{site}", "switch"',
            '"{site}", "x{console}"',
            "{console} stands for several words: it has to be an element of its own",
        ),
        ('front_url = "http://front"', 'front_url = "http://front"\nspare = "x"', "vars.spare: is used nowhere"),
        (
            'front_url = "http://front"',
            'front_url = "{site}"',
            "vars.front_url: its value is taken as it is; write the variable in the step instead",
        ),
        (
            'front_url = "http://front"',
            'front_url = "front"',
            "step[shut].probe[1].http: should begin with http:// or https://",
        ),
        ('front_url = "http://front"', "front_url = 5", "vars.front_url: should be text"),
        ('site = ""', 'site = ""\nrun_dir = "x"', "vars.run_dir: is the console's own variable"),
        ('"{site}", "switch"', '"{site}", "postgresql://ana:s3cret@h/d"', "step[switch].run: holds a credential"),
        ('"{site}", "switch"', '"{site}", "--password", "s3cret"', "step[switch].run: holds a credential"),
        ('"{site}", "switch"', '"{site}", "host=h password=s3cret"', "step[switch].run: holds a credential"),
        ('MODE = "postgres"', 'POSTGRES_PASSWORD = "s3cret"', "step[switch].env.POSTGRES_PASSWORD: holds a credential"),
        (
            'http = "{front_url}/"\n  status',
            'http = "http://ana:s3cret@h/"\n  status',
            "step[shut].probe[1].http: holds a credential",
        ),
        (
            'http = "{front_url}/"\n  status',
            'http = "{front_url}/"\n  headers = { Authorization = "Bearer s3cret" }\n  status',
            "step[shut].probe[1].headers.Authorization: holds a credential",
        ),
        ("times = 3", "times = 60", "step[shut].probe[1].times: cannot say yes 60 times within 30 s, one every 1 s"),
        ("times = 3", 'json = "ok"', "step[shut].probe[1]: json says where to look and equals what has to be there"),
        (
            'gate = "backup.mongo"',
            'gate = "backup.mongo"\n  status = 200',
            "step[save].probe[1].status: means something with http only",
        ),
        (
            'gate = "backup.mongo"',
            'gate = "backup.mongo"\n  run = ["x"]',
            "step[save].probe[1]: looks at exactly one thing: http, run or gate",
        ),
        ('id = "save"', 'id = "../save"', "should be a short name of a-z, 0-9 and '-'"),
        ('[runbook]\nname = "small"', "[runbook]", "runbook.name: is missing"),
        ('title = "Save"', "title = ", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, said: str) -> None:
    text = spoilt(old, new)
    told = fault(text)
    assert re.match(r"small\.toml:\d+: ", told), told
    assert said in told
    assert "s3cret" not in told


def test_the_line_is_that_of_the_key() -> None:
    text = spoilt("timeout_seconds = 60", "timeout_second = 60")
    assert fault(text).startswith(f"small.toml:{line_of(text, 'timeout_second')}: ")
    text = spoilt('    run = ["{site}", "check"]\n', '    run = ["{site}", "check"]\n    tims = 3\n')
    assert fault(text).startswith(f"small.toml:{line_of(text, 'tims')}: step[switch].undo.probe[1].tims: ")
    text = spoilt(_UNDO, "")
    assert fault(text).startswith(f"small.toml:{line_of(text, _SWITCH_RUN) - 4}: step[switch]: ")
    crlf = spoilt("times = 3", "tims = 3").replace("\n", "\r\n")
    assert fault(crlf).startswith(f"small.toml:{line_of(crlf, 'tims')}: ")


def test_several_faults_are_counted_and_the_first_is_told() -> None:
    text = spoilt("timeout_seconds = 60", "timeout_second = 60").replace("times = 3", "tims = 3")
    assert "timeout_second: unknown key; did you mean 'timeout_seconds'? (and 1 more)" in fault(text)


def test_a_variable_without_value_is_named_with_where_to_set_it() -> None:
    with pytest.raises(ConsoleError) as caught:
        parse_runbook(SMALL.encode(), "small.toml", Given(SURROUNDINGS))
    assert str(caught.value) == (
        "small.toml:8: vars.site: has no value. "
        "Give it under [cutover.vars] of the configuration, or with --var site=VALUE"
    )
    with pytest.raises(ConsoleError, match="has no value; did you mean 'sitte'"):
        parse_runbook(SMALL.encode(), "small.toml", Given(SURROUNDINGS, {}, {"sitte": "/opt/site.sh", "other": "x"}))
    assert "--var sites: the runbook has no such variable; did you mean 'site'?" in fault(SMALL, sites="x")


def test_the_command_line_wins_over_the_settings_and_those_over_the_file() -> None:
    shared = Given(SURROUNDINGS, {}, {"site": "/shared", "front_url": "http://shared", "of_another_runbook": "x"})
    book = parse_runbook(SMALL.encode(), "small.toml", shared)
    assert book.variables == {"site": "/shared", "front_url": "http://shared"}
    both = replace(shared, variables={"site": "/typed"})
    assert parse_runbook(SMALL.encode(), "small.toml", both).variables["site"] == "/typed"


def test_a_value_is_replaced_once_and_stays_one_word() -> None:
    book = small(site="/opt/my site; rm -rf /", front_url="http://front")
    command = book.step("shut").command
    assert command is not None
    assert command.argv == ("/opt/my site; rm -rf /", "maintenance", "on")
    text = spoilt('"{site}", "switch"', '"{site}", "{front_url}"')
    command = small(text, front_url="http://{x}").step("switch").command  # no variable of that name: taken as it is
    assert command is not None
    assert command.argv[1] == "http://{x}"


def test_a_variable_may_stand_for_a_number() -> None:
    text = spoilt("wait_seconds = 600", 'wait_seconds = "{waited}"').replace("[vars]", '[vars]\nwaited = "86400"')
    assert small(text).step("watch").wait_seconds == 86400
    assert small(text, waited="2.5").step("watch").wait_seconds == 2.5
    assert "step[watch].wait_seconds: the variable's value is no number" in fault(text, waited="soon")
    assert "step[watch].wait_seconds: should be greater than 0" in fault(text, waited="0")
    assert "vars.waited: has no value" in fault(text, waited="")


def test_what_is_not_known_here_is_refused_where_it_is_used() -> None:
    text = spoilt('"{site}", "switch"', '"{site}", "{postgres_database}"')
    nowhere = replace(given(), surroundings=replace(SURROUNDINGS, postgres_database=""))
    with pytest.raises(ConsoleError, match=r"run\[2\]: \{postgres_database\} is not known here\. Set postgres\.dsn"):
        parse_runbook(text.encode(), "small.toml", nowhere)
    parse_runbook(SMALL.encode(), "small.toml", nowhere)


def test_the_hash_is_of_the_bytes_and_the_plans_of_what_is_resolved() -> None:
    book = small()
    commented = small(SMALL + "# a comment\n")
    assert commented.sha != book.sha
    assert commented.plan_sha == book.plan_sha
    assert small(site="/opt/other.sh").plan_sha != book.plan_sha
    elsewhere = replace(given(), surroundings=replace(SURROUNDINGS, postgres_database="production"))
    assert parse_runbook(SMALL.encode(), "small.toml", elsewhere).plan_sha != book.plan_sha
    # Neither the run nor where Python lives makes it another plan.
    here = replace(SURROUNDINGS, run="r1", run_dir="/runs/r1", console=("/venv/python", "-m", "devora_console"))
    begun = parse_runbook(SMALL.encode(), "small.toml", replace(given(), surroundings=here))
    assert begun.plan_sha == book.plan_sha
    command = begun.step("save").command
    assert command is not None
    assert command.argv[-1] == "/runs/r1/mongo"


def test_a_name_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SMALL)
    assert load_runbook("mine.toml", given(), tmp_path).name == "small"
    for name, said in (
        ("big-bag", "no runbook 'big-bag'; did you mean 'big-bang'?"),
        ("other.toml", "other.toml: does not exist"),
        (".", ".: is a directory, not a runbook"),
    ):
        with pytest.raises(ConsoleError) as caught:
            load_runbook(name, given(), tmp_path)
        assert said in str(caught.value)
    (tmp_path / "latin.toml").write_bytes(b'[runbook]\nname = "\xe9"\n')
    with pytest.raises(ConsoleError, match=r"latin\.toml:2: not UTF-8"):
        load_runbook("latin.toml", given(), tmp_path)
