"""Features cut into cells: intervals of a number, texts, what is missing and what was never seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from nurture.domain.calibration.table import YES, Band, Example, Kind, Value, is_numeric, is_sayable, number_of

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Cells = np.ndarray[Any, np.dtype[np.int64]]

FINEST: Final = 10  # cells of a number
BEYOND: Final = 0.25  # of the range that was seen: a number so far outside of it was never seen
RARE: Final = 5  # texts of fewer leads share a cell
MANY: Final = 200  # a feature with more frequent texts than this is a name, not a property
LONGEST: Final = 40  # rare texts that a line may name


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature cut into cells: each a line without points yet, and the cell of each example (-1: of none)."""

    name: str
    lines: tuple[Band, ...]
    cells: Cells


def cut(examples: Sequence[Example]) -> list[Feature]:
    names = dict.fromkeys(name for one in examples for name in one.values)
    found = []
    for name in names:
        values = [one.values.get(name) for one in examples]
        lines = _numbers(name, values) if is_numeric(values) else _texts(name, values)
        cells = cells_of(lines, values)
        if len(np.unique(cells)) > 1:
            found.append(Feature(name, lines, cells))
    return found


def cells_of(lines: Sequence[Band], values: Sequence[Value]) -> Cells:
    known: dict[Value, int] = {}
    for value in dict.fromkeys(values):
        known[value] = next((place for place, line in enumerate(lines) if line.holds(value)), -1)
    return np.array([known[value] for value in values], dtype=np.int64)


def _numbers(name: str, values: Sequence[Value]) -> tuple[Band, ...]:
    """Cells with about as many leads in each, one far below and one far above all that was seen, one for nothing."""
    there = np.array([number for value in values if value != "" and (number := number_of(value)) is not None])
    distinct = np.unique(there)
    ends: Numbers = distinct
    if len(distinct) > FINEST:
        ends = np.unique(np.quantile(there, np.linspace(0, 1, FINEST + 1)[1:], method="inverted_cdf"))
    # A little past the least and the most is like them; far past is new ground.
    margin = BEYOND * float(distinct[-1] - distinct[0])
    inner = [float(distinct[0]) - margin, *map(float, ends[:-1]), float(distinct[-1]) + margin]
    bounds = [round(bound, 9) for bound in inner]
    lines = [
        Band(name, Kind.BETWEEN, 0, 0, 0, above=above, up_to=up_to)
        for above, up_to in zip([None, *bounds], [*bounds, None], strict=True)
    ]
    return (*lines, *_nothing(name, values))


def _texts(name: str, values: Sequence[Value]) -> tuple[Band, ...]:
    """A cell for each frequent text, one for the rare ones together, one for what was never seen."""
    counts = Counter(str(value) for value in values if value not in (None, "") and is_sayable(str(value)))
    frequent = sorted(text for text, count in counts.items() if count >= RARE)
    rare = tuple(sorted(counts.keys() - set(frequent)))
    if not frequent or len(frequent) > MANY:
        return ()
    lines = [Band(name, Kind.AMONG, 0, 0, 0, texts=(text,)) for text in frequent]
    if len(rare) > LONGEST:  # nobody reads them all: they are like what was never seen
        return (*lines, Band(name, Kind.UNSEEN, 0, 0, 0, texts=tuple(frequent)), *_nothing(name, values))
    if rare:
        lines.append(Band(name, Kind.AMONG, 0, 0, 0, texts=rare))
    if set(counts) != {YES}:  # a truth value knows no third
        lines.append(Band(name, Kind.UNSEEN, 0, 0, 0, texts=tuple(sorted(counts))))
    return (*lines, *_nothing(name, values))


def _nothing(name: str, values: Sequence[Value]) -> tuple[Band, ...]:
    if all(value not in (None, "") for value in values):
        return ()
    truth = {value for value in values if value not in (None, "")} == {YES}
    return (Band(name, Kind.MISSING, 0, 0, 0, texts=(YES,) if truth else ()),)
