"""A delimited text file, whatever its separator and encoding, as headers and numbered rows."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from nurture.adapters.lead_files.encoding import Encoding, delimiter_of, find_encoding, named_delimiter
from nurture.domain.cell import cleaned
from nurture.domain.errors import RequestError
from nurture.domain.row import Refused

SAMPLE: Final = 64 * 1024  # characters that are looked at to find the separator
MAX_PREAMBLE: Final = 100  # rows above the header
_SEPARATOR_LINE: Final = re.compile(r'\ufeff?"?sep=(.)"?', re.IGNORECASE)
_NAMES: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}

Cells = list[str]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How many cells a row may have: as many as there are headers; past the last name they may be absent or empty."""

    width: int
    named: int

    def fits(self, cells: Cells) -> bool:
        count = len(cells)
        if count > self.width:
            return not any(map(str.strip, cells[self.width :]))
        return self.named <= count or not any(map(str.strip, cells))

    def fitted(self, cells: Cells) -> Cells:
        return cells[: self.width] + [""] * (self.width - len(cells))

    def misfit(self, cells: Cells, line: int, lines: int) -> str:
        count = len(cells)
        reason = f"{count} cell{'s' * (count != 1)} where the header has {self.width}"
        if lines > 1:
            return f"{reason}; it runs to line {line + lines - 1}: is a quote not closed?"
        return f"{reason}; a cell that holds the separator must stand in quotes" if count > self.width else reason


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was looked through once and can be read. No file is open but while `rows` is being read."""

    path: Path
    headers: tuple[str, ...]  # an empty one names no column
    header_line: int  # counts from 1
    encoding: Encoding
    delimiter: str
    skipped: int = 0  # lines above the header that hold no columns
    first_line: int = 2  # of the rows
    size: int = 0  # bytes

    @property
    def dialect(self) -> str:
        """How the file is read, in words."""
        separated = (
            f"separated by {_NAMES.get(self.delimiter, repr(self.delimiter))}"
            if len(self.headers) > 1
            else "one column"
        )
        above = f", {self.skipped} line{'s' * (self.skipped != 1)} above the header left out" if self.skipped else ""
        return f"{self.encoding.words}, {separated}{above}"

    @property
    def rows(self) -> Iterator[tuple[int, Cells] | Refused]:
        """Each row with the line where it begins, with as many cells as there are headers; or why it is none.

        Blank rows are left out. Memory does not grow with the file. Raises RequestError when the file has changed.
        """
        with _opened(self.path, self.encoding.codec) as stream:
            for _ in range(self.first_line - 1):
                next(stream, None)
            named = max((number for number, name in enumerate(self.headers, start=1) if name), default=0)
            shape = _Shape(len(self.headers), named)
            for record in _records(stream, self.delimiter, self.first_line, shape):
                if isinstance(record, Refused):
                    yield record
                    continue
                line, cells, lines = record
                if not any(cells) or cells == ["\x1a"]:  # the end of file of another age
                    continue
                if len(cells) == shape.width:
                    yield line, cells
                elif not shape.fits(cells):
                    yield Refused(line, shape.misfit(cells, line, lines))
                elif any(map(str.strip, cells)):
                    yield line, shape.fitted(cells)


def open_rows(path: Path | str, *, delimiter: str | None = None, encoding: str | None = None) -> Table:
    """Look a file through: its encoding (every byte is tried), its separator, its headers.

    `delimiter` is one character or its name (tab, comma, semicolon, pipe), `encoding` a name that Python knows; what is
    not given is found out. Raises RequestError, with what to do, for a file that cannot be read as rows.
    """
    path = Path(path)
    given = named_delimiter(delimiter) if delimiter else None
    found = find_encoding(path, encoding)
    with _opened(path, found.codec) as stream:
        sample = stream.read(SAMPLE)
        if stream.read(1):
            sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    first, _, _ = sample.partition("\n")
    separator_line = _SEPARATOR_LINE.fullmatch(first.rstrip("\r"))
    if separator_line:
        sample = sample[len(first) + 1 :]
        given = given or separator_line[1]
    separator, width = delimiter_of(sample, given)
    return _with_headers(path, found, separator, width, 1 if separator_line else 0)


def _with_headers(path: Path, encoding: Encoding, delimiter: str, width: int, skip: int) -> Table:
    with _opened(path, encoding.codec) as stream:
        for _ in range(skip):
            next(stream, None)
        for number, record in enumerate(_records(stream, delimiter, skip + 1)):
            if isinstance(record, Refused):
                raise RequestError(
                    f"{path}: line {record.line} is to hold the column names, but {record.reason}.",
                    hint="Correct that line.",
                )
            line, cells, lines = record
            names = [cleaned(cell) for cell in cells]
            # A title, or an empty line, stands above many tables that came out of a spreadsheet.
            if sum(map(bool, names)) > (1 if width > 1 else 0):
                _refuse_repeated(path, line, names)
                above = line - 1 - skip
                return Table(path, tuple(names), line, encoding, delimiter, above, line + lines, path.stat().st_size)
            if number == MAX_PREAMBLE:
                break
    raise RequestError(
        f"{path}: no line with column names was found.",
        hint="The first line must name the columns, such as: email,first_name,last_name,company",
    )


def _refuse_repeated(path: Path, line: int, names: list[str]) -> None:
    seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if name and (first := seen.setdefault(name.casefold(), number)) != number:
            raise RequestError(
                f"{path}:{line}: columns {first} and {number} are both called {name!r}.",
                hint="Rename one of them: it would not be known which is meant.",
            )


def _opened(path: Path, codec: str) -> TextIO:
    try:
        return path.open(encoding=codec, newline="")
    except OSError as error:
        raise RequestError(
            f"{path} cannot be read: {error.strerror}.", hint="Check the path and its permissions."
        ) from error


def _records(
    stream: TextIO, delimiter: str, line: int, shape: _Shape | None = None
) -> Iterator[tuple[int, Cells, int] | Refused]:
    """Each record with its first line and its number of lines; blank lines have no cells.

    A quote that is never closed takes every line after it into one cell. Only its own line is given up then: the lines
    after it are read again.
    """
    given_back: deque[str] = deque()
    taken: list[str] = []  # lines of the record being read: at most one cell over csv's limit of 131,072 characters

    def lines() -> Iterator[str]:
        while True:
            while given_back:
                taken.append(text := given_back.popleft())
                yield text
            text = next(stream, "")
            if not text:
                return
            taken.append(text)
            yield text

    while True:
        reader = csv.reader(lines(), delimiter=delimiter, strict=True, skipinitialspace=delimiter != " ")
        try:
            for cells in reader:
                if len(taken) > 1 and shape and not shape.fits(cells) and _rows_inside(taken[1:], delimiter, shape):
                    yield Refused(line, shape.misfit(cells, line, len(taken)))
                    break
                yield line, cells, len(taken)
                line += len(taken)
                taken.clear()
            else:
                return
        except UnicodeDecodeError as error:
            raise RequestError(f"The file changed while it was read (line {line}).", hint="Import it again.") from error
        except csv.Error as error:
            yield Refused(line, _in_words(str(error), len(taken)))
        given_back.extendleft(reversed(taken[1:]))
        taken.clear()
        line += 1


def _rows_inside(lines: list[str], delimiter: str, shape: _Shape) -> bool:
    """Whether a line that went into a quoted cell is a row on its own, so that the quote was probably a mistake."""
    return any(shape.fits(cells) and any(cells) for cells in csv.reader(lines, delimiter=delimiter))


def _in_words(problem: str, lines: int) -> str:
    if "field larger" in problem:
        return "a cell is longer than 131,072 characters: is a quote not closed?"
    if "unexpected end" in problem:
        return "a quote is opened and never closed"
    if "expected after" in problem:
        where = "" if lines == 1 else f", {lines - 1} line{'s' * (lines != 2)} further down"
        return f"text follows a closing quote{where}: a quote inside a quoted cell is written twice"
    return problem
