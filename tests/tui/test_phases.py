"""Phases, workers and rates: which of them show, in which unit, and what gives way on a narrow terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from devora_console.core.unknown import Unknown
from devora_console.migration.progress import Kind, MigrationSnapshot, Phase, PhaseProgress, State, Wishes
from devora_console.tui.render.look import Look
from devora_console.tui.render.phases import aside, phases_line, progress, rates
from devora_console.tui.render.run import run_detail, trend_line, trend_plot, workers_detail, workers_line
from tests.tui.fake import AT, SURVEYED, WORKERS, copied, copying, finishing

UNICODE, PLAIN = Look(), Look(unicode=False)
COPY = copying(0.61, AT)
VECTORS, INDEXES, KEYS, TRIGGERS, STATISTICS = (finishing(number, 3, now=AT) for number in range(5))
EARLY = replace(
    COPY,
    phase=Phase.SURVEY,
    rows_total=249_208,
    rows_done=152_000,
    phases=(replace(SURVEYED[0], done=152_000, finished=False),),
    bulk=None,
)
DONE = replace(
    STATISTICS,
    state=State.DONE,
    phase=None,
    phases=tuple(replace(each, finished=True) for each in STATISTICS.phases),
    rows_per_second=Unknown("not running"),
)
PREPARING = replace(COPY, phase=Phase.PREPARE, phases=SURVEYED)

LINES = {
    "survey": (EARLY, " phases  survey … 60 % · copy · statistics"),
    "copy": (COPY, " phases  survey ✓ 48s · copy … 60 % · statistics"),
    "setting aside": (
        PREPARING,
        " phases  survey ✓ 48s · setting aside … · copy · search vectors · indexes · constraints · statistics",
    ),
    "bulk copy": (
        replace(COPY, bulk=True),
        " phases  survey ✓ 48s · copy … 60 % · search vectors · indexes · constraints · statistics",
    ),
    "vectors": (
        finishing(0, 69_700, now=AT),
        " phases  survey ✓ 48s · copy ✓ 2m30s · search vectors … 34 % · indexes · constraints · statistics",
    ),
    "paused": (
        replace(INDEXES, state=State.PAUSED),
        " phases  survey ✓ 48s · copy ✓ 2m30s · search vectors ✓ 6.4s · indexes ‖ 10 % · constraints · statistics",
    ),
    "triggers, keys being back": (
        TRIGGERS,
        " phases  survey ✓ 48s · copy ✓ 2m30s · search vectors ✓ 6.4s · indexes ✓ 31s · constraints … 93 % · "
        "statistics",
    ),
    "failed": (
        replace(KEYS, state=State.FAILED),
        " phases  survey ✓ 48s · copy ✓ 2m30s · search vectors ✓ 6.4s · indexes ✓ 31s · constraints ✗ 25 % · "
        "statistics",
    ),
    "stopped": (replace(COPY, state=State.STOPPED), " phases  survey ✓ 48s · copy ! 60 % · statistics"),
    "done": (
        DONE,
        " phases  survey ✓ 48s · copy ✓ 2m30s · search vectors ✓ 6.4s · indexes ✓ 31s · constraints ✓ 2.1s · "
        "statistics ✓ 1.2s",
    ),
    "dry run": (replace(EARLY, kind=Kind.DRY_RUN), " phases  survey … 60 % · decide"),
    "verification": (
        replace(COPY, kind=Kind.VERIFY, phase=Phase.DECIDE, phases=SURVEYED),
        " phases  survey ✓ 48s · decide … · verify",
    ),
    "idle": (MigrationSnapshot(as_of=AT), ""),
    "could not connect": (replace(COPY, state=State.FAILED, phase=Phase.CONNECT, phases=()), ""),
}


@pytest.mark.parametrize("case", LINES)
def test_the_phases_of_a_run(case: str) -> None:
    snapshot, words = LINES[case]
    line = phases_line(snapshot, 120, UNICODE)
    assert line.plain == words
    assert line.cell_len <= 120


@pytest.mark.parametrize("case", LINES)
@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_the_phases_fit_in_plain_ascii_too(case: str, width: int) -> None:
    for look in (UNICODE, PLAIN):
        line = phases_line(LINES[case][0], width, look)
        assert line.cell_len <= width
    assert line.plain.isascii()


def test_on_a_narrow_terminal_the_times_go_first_then_the_long_names() -> None:
    assert phases_line(COPY, 48, UNICODE).plain == " phases  survey ✓ 48s · copy … 60 % · statistics"
    assert phases_line(COPY, 47, UNICODE).plain == " phases  survey ✓ · copy … 60 % · statistics"
    narrow = phases_line(finishing(0, 69_700, now=AT), 80, UNICODE).plain
    assert narrow == " phases  survey ✓ · copy ✓ · vectors … 34 % · indexes · keys · statistics"
    assert phases_line(DONE, 80, PLAIN).plain == (
        " phases  survey + - copy + - vectors + - indexes + - keys + - statistics +"
    )


def test_only_what_failed_is_coloured() -> None:
    line = phases_line(replace(KEYS, state=State.FAILED), 120, UNICODE)
    assert [line.plain[span.start : span.end] for span in line.spans] == ["constraints ✗ 25 %"]
    assert phases_line(KEYS, 120, UNICODE).spans == []


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (COPY, "60 % of 2.13 M rows"),
        (EARLY, "60 % of 249 k documents"),
        (VECTORS, "<1 % of 205 k rows"),
        (INDEXES, "3 of 28 indexes"),
        (KEYS, "3 of 12 foreign keys"),
        (TRIGGERS, "3 of 4 triggers"),
        (STATISTICS, "3 of 11 tables"),
        (replace(STATISTICS, state=State.STOPPED), "3 of 11 tables"),
        (replace(INDEXES, state=State.FAILED), "3 of 28 indexes"),
        (PREPARING, ""),
        (DONE, ""),
    ],
)
def test_progress_counts_in_the_unit_of_the_phase(snapshot: MigrationSnapshot, words: str) -> None:
    assert progress(snapshot).replace("\u202f", " ") == words


def test_what_is_set_aside_is_said_only_until_it_is_back() -> None:
    assert not aside(COPY)
    assert aside(replace(COPY, bulk=True))
    assert aside(PREPARING)
    assert aside(KEYS)
    assert not aside(STATISTICS)
    assert not aside(DONE)


def test_rates_are_of_one_phase_and_named_by_its_unit() -> None:
    copy, survey = rates(COPY), rates(replace(EARLY, seconds=48.5))
    assert copy is not None
    assert survey is not None
    assert copy.of == "rows/s of the copy"
    assert min(point.rows_per_second for point in copy.points) > 10_000
    assert survey.of == "documents/s of the survey"
    assert max(point.rows_per_second for point in survey.points) < 6_000


@pytest.mark.parametrize("snapshot", [INDEXES, KEYS, TRIGGERS, STATISTICS, DONE, VECTORS])
def test_indexes_keys_and_tables_are_not_drawn_as_rows(snapshot: MigrationSnapshot) -> None:
    slow = replace(snapshot.rates[-1], at=snapshot.seconds - 0.5, rows_per_second=8.0)
    found = rates(replace(snapshot, rates=(*snapshot.rates, slow)))
    assert found is not None
    assert found.of == "rows/s of the copy"
    assert slow not in found.points
    assert found.points == (rates(COPY) or found).points


def test_a_silent_job_moves_no_rates_to_another_phase() -> None:
    """The clocks of run and phase go on together while a step takes long."""
    last = INDEXES.phases[-1]
    later = replace(
        INDEXES,
        seconds=INDEXES.seconds + 600,
        phases=(*INDEXES.phases[:-1], replace(last, seconds=last.seconds + 600)),
    )
    before, after = rates(INDEXES), rates(later)
    assert before is not None
    assert after is not None
    assert before.points == after.points


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (COPY, "61.2 k rows/s · 44.1 MB/s · 3m20s so far"),
        (INDEXES, "14.2 k rows/s of the copy on average · 3m57s so far"),
        (DONE, "14.2 k rows/s of the copy on average · 4m01s"),
        (replace(EARLY, seconds=48.5, rows_per_second=5_190.0), "5 190 documents/s · 44.1 MB/s · 48s so far"),
        (
            replace(EARLY, kind=Kind.DRY_RUN, state=State.DONE, phase=None, phases=SURVEYED, seconds=49.5),
            "5 192 documents/s of the survey on average · 50s",
        ),
    ],
)
def test_the_trend_says_what_it_counts(snapshot: MigrationSnapshot, words: str) -> None:
    assert trend_line(snapshot, 120, UNICODE).replace("\u202f", " ").partition("  ")[2] == words
    for width in (40, 80):
        assert cell_len(trend_line(snapshot, width, PLAIN)) <= width
    title = trend_plot(snapshot, 36, 10, PLAIN)[1]
    assert title in ("rows/s of the copy", "documents/s of the survey")


def test_without_rates_nothing_is_plotted() -> None:
    assert trend_plot(replace(COPY, rates=()), 36, 10, UNICODE) == []
    assert trend_line(replace(COPY, rates=()), 80, UNICODE) == ""
    assert trend_plot(replace(COPY, phases=()), 36, 10, UNICODE) == []


def test_the_workers_line() -> None:
    assert workers_line(COPY, 80, UNICODE) == (
        " workers  2 × 55.0 k rows/s · 40 % waiting for PostgreSQL · batches of 2.00 MB"
    )
    assert workers_line(COPY, 60, PLAIN) == " workers  2 x 55.0 k rows/s - 40 % waiting for PostgreSQL"
    assert workers_line(COPY, 40, UNICODE) == " workers  2 × 55.0 k rows/s"
    wished = replace(COPY, wishes=Wishes(workers=4, batch_bytes=500_000), batch_bytes=0)
    assert workers_line(wished, 120, UNICODE) == (
        " workers  2 × 55.0 k rows/s (4 wanted) · 40 % waiting for PostgreSQL · batches of 500 kB"
    )
    assert "batches" not in workers_line(replace(COPY, batch_bytes=0), 120, UNICODE)


@pytest.mark.parametrize(
    "snapshot",
    [
        replace(COPY, workers=()),
        replace(COPY, state=State.PAUSED),
        replace(COPY, state=State.STOPPED),
        replace(INDEXES, workers=WORKERS),
        copied(None, AT),
    ],
)
def test_workers_show_only_while_they_work_and_are_known(snapshot: MigrationSnapshot) -> None:
    assert workers_line(snapshot, 120, UNICODE) == ""
    assert workers_detail(snapshot, 36, UNICODE).plain == ""


def test_one_line_per_worker_in_the_pane_and_in_the_help() -> None:
    lines = workers_detail(COPY, 36, PLAIN).plain.split("\n")
    assert lines[1].split() == ["pid", "rows/s", "waits", "batches"]
    assert lines[2].split() == ["29317", "56.4", "k", "38", "%", "19"]
    assert all(cell_len(line) <= 36 for line in lines)
    many = replace(COPY, workers=WORKERS * 4)
    assert workers_detail(many, 36, UNICODE).plain.endswith("4 more: press ?")
    assert run_detail(many, UNICODE).plain.count("29317") == 4


def test_the_run_in_depth() -> None:
    steered = replace(
        COPY,
        wishes=Wishes(rows_per_second=1_000.0, workers=1),
        throttled_by="at most 1000 rows/s (migrate throttle)",
    )
    words = run_detail(steered, UNICODE).plain.replace("\u202f", " ")
    assert words.startswith("Copy: phases\n survey ✓                 48s")
    assert "\n copy … 60 %              2m30s" in words
    assert "\nThrottled: at most 1000 rows/s (migrate throttle)" in words
    assert " at most 1 000 rows/s · workers: 1 · batches as the console decides" in words
    assert run_detail(MigrationSnapshot(as_of=AT), UNICODE).plain == ""
    assert "wanted" not in run_detail(DONE, UNICODE).plain
    assert run_detail(steered, PLAIN).plain.isascii()


def test_an_unknown_total_gives_no_share() -> None:
    unknown = (PhaseProgress(Phase.SURVEY, Unknown("a dump does not say"), 500, 0, 3.0),)
    assert phases_line(replace(EARLY, phases=unknown), 80, UNICODE).plain == " phases  survey … · copy · statistics"
