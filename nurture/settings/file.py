"""nurture.toml and the environment -> one frozen Settings. Secrets come from the environment or a 0600 file only."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from nurture.domain.errors import RequestError
from nurture.settings import environment
from nurture.settings.checks import refuse
from nurture.settings.keys import Wrong, read_tables
from nurture.settings.sections import SECTIONS, Settings
from nurture.settings.words import secret

FILE: Final = "nurture.toml"


def read_settings(folder: Path) -> Settings:
    """The settings of a workspace. Raises RequestError that names each wrong key and what is expected."""
    path = folder / FILE
    if not path.is_file():
        raise RequestError(
            f"{folder.absolute()} is not a workspace: it has no {FILE}.",
            hint="Run: nurture init DIR, or name one with --workspace.",
        )
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise RequestError(f"{path}: {problem}.", hint='It is TOML: KEY = "VALUE", one a line.') from problem
    except OSError as problem:
        raise RequestError(f"{path} cannot be read: {problem.strerror}.", hint="Is it yours?") from problem
    _refuse(values, path)
    wrong: Wrong = []
    sections = read_tables(Settings, environment.over(values, SECTIONS), wrong)
    if wrong:
        raise RequestError(_in_words(wrong, path), hint=f"See the comments in {FILE}.")
    settings = Settings(folder, **sections)
    refuse(settings, path)
    return settings


def _refuse(values: dict[str, Any], path: Path) -> None:
    """Unknown sections, and secrets in a file that others may read."""
    for section, content in values.items():
        if section not in SECTIONS:
            raise RequestError(f"{path}: unknown section [{section}].", hint="Known: " + ", ".join(sorted(SECTIONS)))
        for place in _secrets(section, content):
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise RequestError(
                    f"{path}: {'.'.join(place)} is a secret, and others can read this file.",
                    hint=f"Set {environment.variable(place)} instead, or run: chmod 600 {path}",
                )


def _secrets(section: str, content: object) -> Iterator[tuple[str, ...]]:
    """Where the file sets what must not be read by others."""
    (one,) = (each for each in fields(Settings) if each.name == section)
    many = one.metadata.get("tables")
    secrets = {each.name for each in fields(many or one.metadata["table"]) if each.metadata["read"] is secret}
    sections = content.items() if many and isinstance(content, dict) else [("", content)]
    for name, values in sections:
        for key_ in secrets.intersection(values if isinstance(values, dict) else ()):
            yield (section, name, key_) if name else (section, key_)


def _in_words(wrong: Wrong, path: Path) -> str:
    lines = []
    for where, what in wrong:
        env = environment.name_of(where)
        place = env if env is not None else f"{path}: {'.'.join(where)}"
        lines.append(f"{place}: {what}.")
    return "\n".join(lines)
