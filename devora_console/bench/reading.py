"""A catalogue from its file: read strictly, every error one line with the file, the line and the key."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from devora_console.bench.model import Catalogue, Parameter, Question, Search, Step
from devora_console.bench.sense import sense_faults
from devora_console.bench.shape import FileShape, ParameterShape, PostgresShape, QuestionShape, StepShape, shaped
from devora_console.config.faults import Located
from devora_console.config.keys import suggestion
from devora_console.config.locate import item_lines
from devora_console.config.tomltext import FileWords, decoded, toml_document, toml_text
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line

_CODE = "bench_questions"
_WORDS = FileWords(_CODE, "file of questions", "Leave --questions out for those that come with the console")
_OWN = "catalogue.toml (built in)"


def load_catalogue(path: Path | None = None) -> Catalogue:
    """The console's own questions, with those of a file added to or put in their place. Exit 2 when wrong."""
    own = parse_catalogue(resources.files("devora_console.bench").joinpath("catalogue.toml").read_bytes(), _OWN, None)
    if path is None:
        return own
    shown = one_line(str(path), 200)
    return parse_catalogue(toml_text(path.expanduser(), shown, _WORDS).raw, shown, own)


def parse_catalogue(raw: bytes, shown: str, under: Catalogue | None) -> Catalogue:
    """The catalogue that these bytes are, on top of another. ``shown`` names them in errors. ConsoleError (exit 2)."""
    text = decoded(raw, shown, _WORDS).text
    data = toml_document(text)
    if isinstance(data, str):
        raise usage_error(_CODE, f"{shown}{data}", "Correct the file's syntax")
    source = Located(_CODE, shown, data, item_lines(text.replace("\r\n", "\n")))
    file = shaped(data)
    if isinstance(file, list):
        raise source.error(file)
    own = () if under is None else under.parameters
    faults = list(sense_faults(file, [each.name for each in own]))
    if faults:
        raise source.error(faults)
    return _merged(file, shown, under)


def chosen(catalogue: Catalogue, only: tuple[str, ...]) -> tuple[Question, ...]:
    """The questions of these ids, or all of them. Raises ConsoleError (exit 2) for an id that is not there."""
    known = [each.id for each in catalogue.questions]
    for wanted in only:
        if wanted not in known:
            near = suggestion(wanted, known) or f"; there are {', '.join(known)}"
            raise usage_error("bench_only", f"no question '{one_line(wanted, 60)}'{near}")
    return tuple(each for each in catalogue.questions if not only or each.id in only)


def _merged(file: FileShape, shown: str, under: Catalogue | None) -> Catalogue:
    parameters = {each.name: each for each in (under.parameters if under else ())}
    questions = {each.id: each for each in (under.questions if under else ())}
    parameters |= {each.name: _parameter(each) for each in file.parameter}
    questions |= {each.id: _question(each) for each in file.question}
    name = file.name if under is None or under.name == file.name else f"{under.name}+{file.name}"
    return Catalogue(name, shown, tuple(parameters.values()), tuple(questions.values()))


def _parameter(each: ParameterShape) -> Parameter:
    return Parameter(each.name, each.about, each.postgres.strip(), _steps(each.mongo), each.take)


def _question(each: QuestionShape) -> Question:
    missing = {"mongo": each.mongo_missing, "postgres": each.postgres_missing}
    return Question(
        id=each.id,
        title=each.title,
        about=each.about,
        same=each.answer,
        mongo=_steps(each.mongo or []),
        postgres=_postgres(each.postgres),
        missing={side: words for side, words in missing.items() if words},
    )


def _postgres(given: PostgresShape | None) -> str | Search | None:
    if given is None:
        return None
    if given.search is not None:
        return Search(given.search.text, given.search.method, given.search.kinds, given.search.limit)
    assert given.sql is not None
    return given.sql.strip()


def _steps(steps: list[StepShape]) -> tuple[Step, ...]:
    return tuple(Step(**{name: getattr(each, name) for name in StepShape.model_fields}) for each in steps)
