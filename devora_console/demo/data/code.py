"""The files of a generated project."""

from __future__ import annotations

import random
from typing import Any

from devora_console.demo.data.dialogue import Subject
from devora_console.demo.data.texts import banks


def project_files(rng: random.Random, subject: Subject, count: int) -> list[dict[str, Any]]:
    """``count`` files (name, content, language), all with different names; at most as many as the bank holds.

    A file in the language of a snippet of the project's topic may end with it.
    """
    files: list[dict[str, Any]] = []
    for template in rng.sample(banks().files, count):
        content = template.code.fill(subject.context)
        snippet = rng.choice(subject.topics[0].snippets)
        if snippet.language == template.language and snippet.language not in ("json", "yaml"):
            content += "\n" + snippet.code.fill(subject.context) + "\n"
        files.append(
            {
                "name": template.name.fill(subject.context),
                "content": content,
                "language": template.language,
            }
        )
    return files
