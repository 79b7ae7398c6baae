"""A file with past outcomes, one lead a row -> examples: what was known, how it turned out, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

from nurture.adapters.lead_files.binding import custom_name, squashed
from nurture.adapters.lead_files.table import open_rows
from nurture.domain.calibration.table import Example, number_of
from nurture.domain.condition import NAMES, Type, fold
from nurture.domain.errors import RequestError
from nurture.domain.row import Refused

OUTCOMES: Final = ("outcome", "result", "accepted", "converted", "won", "y", "target", "label")
DATES: Final = ("at", "date", "day", "offered_at", "promoted_at", "created_at")
GOOD: Final = frozenset({"yes", "y", "true", "1", "accepted", "won", "good", "converted"})
BAD: Final = frozenset({"no", "n", "false", "0", "rejected", "lost", "bad", "none", "not converted", ""})
_FLAT: Final = {squashed(name): name for name in NAMES}
# Of one person: nothing to learn from, and nothing to keep in memory.
_PERSONAL: Final = frozenset({"email", "first_name", "last_name", "phone", "external_id", "company", "domain", "title"})


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The examples, oldest first, and in words how the file was read."""

    examples: tuple[Example, ...]
    notes: tuple[str, ...]


def read_outcomes(
    path: Path, *, outcome: str | None = None, at: str | None = None, never: Sequence[str] = ()
) -> Outcomes:
    """Read it. `outcome` and `at` name columns, where their headers do not say it; `never` are left out.

    A column that is called as a flat name is that name, any other is x.NAME. Without dates the rows count as oldest
    first. Raises RequestError, with what to do, for a file or a column that cannot be read.
    """
    table = open_rows(path)
    headers = list(table.headers)
    chosen = _column(headers, outcome, OUTCOMES, f"{path}: no column says how it turned out", "--outcome COLUMN")
    when = _column(headers, at, DATES, "", "") if at or set(DATES) & {header.casefold() for header in headers} else None
    missing = [name for name in never if name not in headers]
    if missing:
        raise RequestError(f"{path} has no column {missing[0]!r}.", hint=f"Its columns: {', '.join(headers)}.")
    places = {
        name: place
        for place, header in enumerate(headers)
        if header and header not in (chosen, when, *never) and (name := _name(header)) not in _PERSONAL
    }
    target, day = headers.index(chosen), headers.index(when) if when else None
    found = []
    for row in table.rows:
        if isinstance(row, Refused):
            raise RequestError(f"{path}, line {row.line}: {row.reason}.", hint="Correct that line.")
        line, cells = row
        good = _good(cells[target], path, line, chosen)
        moment = _moment(cells[day], path, line) if day is not None else None
        found.append(
            Example({name: fold(cells[place].strip()) or None for name, place in places.items()}, good, moment)
        )
    if when:
        found.sort(key=lambda one: one.at or datetime.min.replace(tzinfo=UTC))
    notes = [f"{path}: {len(found)} rows, {sum(one.good for one in found)} of them good by {chosen!r}"]
    notes.append(f"in the order of {when!r}" if when else "no dates: the rows count as oldest first")
    return Outcomes(tuple(_typed(found)), tuple(notes))


def _column(headers: Sequence[str], given: str | None, usual: Sequence[str], what: str, option: str) -> str:
    if given is not None:
        if given in headers:
            return given
        raise RequestError(f"There is no column {given!r}.", hint=f"The columns are: {', '.join(headers)}.")
    for name in usual:
        for header in headers:
            if header.casefold() == name:
                return header
    raise RequestError(f"{what}.", hint=f"Name it: {option}; the columns are: {', '.join(headers)}.")


def _name(header: str) -> str:
    bare = header[2:] if header[:2].casefold() == "x." else header
    flat = _FLAT.get(squashed(header))
    return flat if flat is not None and bare == header else f"x.{custom_name(bare)}"


def _good(text: str, path: Path, line: int, column: str) -> bool:
    word = text.strip().casefold()
    if word in GOOD or word in BAD:
        return word in GOOD
    raise RequestError(
        f"{path}, line {line}: {column} is {text[:40]!r}, which is neither good nor bad.",
        hint="Write yes or no, accepted or rejected, won or lost, 1 or 0.",
    )


def _moment(text: str, path: Path, line: int) -> datetime:
    try:
        if len(text.strip()) == 10:
            return datetime.combine(date.fromisoformat(text.strip()), time.min, UTC)
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RequestError(
            f"{path}, line {line}: {text[:40]!r} is no date.", hint="Write dates as 2027-01-15."
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _typed(examples: Sequence[Example]) -> list[Example]:
    """Flat names that are numbers become numbers; what is none there is missing."""
    numbers = {name for name, kind in NAMES.items() if kind is Type.NUMBER}
    return [
        Example(
            {name: number_of(value) if name in numbers else value for name, value in one.values.items()},
            one.good,
            one.at,
        )
        for one in examples
    ]
