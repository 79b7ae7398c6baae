"""One answer to the question why, and the place of the rule that it names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.domain.cadence import Cadence
from nurture.domain.errors import NurtureError
from nurture.domain.walk import Program
from nurture.moves.scene import Scene

READINESS = "readiness.yaml"
PEOPLE = "people.yaml"


@dataclass(frozen=True, slots=True)
class Because:
    """One answer. `code` is stable, `place` is file:line, `clears_at` the earliest moment at which it is otherwise."""

    about: str  # enrollment, touch or promotion
    code: str
    text: str
    place: str | None = None
    version: int | None = None
    cadence: str | None = None
    step: str | None = None
    touch: str | None = None
    missing: tuple[str, ...] = ()
    clears_at: datetime | None = None


def program_in(scene: Scene, cadence: str, version: int) -> Program | None:
    """A version of a cadence; None where the database does not have it any more."""
    try:
        return scene.rules.program(cadence, version)
    except NurtureError:
        return None


def place_of(cadence: Cadence | None, name: str, line: int) -> str:
    """file:line in a cadence."""
    file = (cadence.file if cadence is not None else "") or f"cadences/{name}.yaml"
    return f"{file}:{line}"


def place_of_key(cadence: Cadence, *keys: str, default: int) -> str:
    """file:line of the first of these keys that the file has, such as `enroll.rate`."""
    line = next((cadence.lines[key] for key in keys if key in cadence.lines), default)
    return place_of(cadence, cadence.name, line)
