"""A map meets a file: each name finds its columns, and each column a name; once for a file, not once for a row."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from jinja2 import TemplateError

from nurture.adapters.lead_files.map_templates import RowTemplate
from nurture.adapters.lead_files.maps import EVERY, ImportMap, Source
from nurture.adapters.lead_files.table import Table
from nurture.domain.cell import MAX_TEXT, cleaned
from nurture.domain.errors import RequestError
from nurture.domain.row import COMPUTED_NAMES, FLAG_NAMES, GIVEN_NAMES, Column

Fill = Callable[[Sequence[str], int], str]  # cells and line to the text for a name


@dataclass(frozen=True, slots=True)
class Origin:
    """One name of the row and what fills it: a cell by its position, or a function of the row."""

    column: Column
    position: int = 0
    fill: Fill | None = None


def custom_name(header: str) -> str:
    """The header as a name that conditions and templates can use: `No. of Plants` is no_of_plants."""
    letters = unicodedata.normalize("NFKC", header).lower()
    # Not every sign of an alphabet may stand in a name: numerals that are no digits may not.
    usable = "".join(one if one.isalnum() and f"_{one}".isidentifier() else " " for one in letters)
    name = re.sub(r"[\s_]+", "_", usable).strip("_")
    if not name.isidentifier():  # it begins with a digit, or nothing is left
        name = f"n{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def squashed(header: str) -> str:
    """What is left of a header without case, spaces and punctuation: by it `First Name` and first_name meet."""
    return re.sub(r"[\W_]+", "", header).casefold()


# What must not get lost because its column is called otherwise than we do.
_OPT_OUT: Final = re.compile(
    "opt(?:ed)?out|unsubscribe|donotcontact|donotemail|donotmail|donotcall|black?list|blocklist|suppress"
)
_FLAT: Final = {squashed(name): name for name in sorted(GIVEN_NAMES | COMPUTED_NAMES)}


class Binding:
    """Finds the column of every name, and a name for every column."""

    def __init__(self, table: Table, import_map: ImportMap) -> None:
        self.notes: list[str] = []
        self._table = table
        self._map = import_map
        self._used: set[int] = set()

    def origins(self) -> list[Origin]:
        origins: list[Origin] = []
        for name, source in self._map.columns.items():
            origins += self._of_columns(name, self._positions(name, source))
        for name, template in self._map.templates.items():
            origins.append(self._of_template(name, template))
        for name, value in self._map.constants.items():
            origins.append(Origin(self._column(name, f"{name} (constant)"), fill=_always(value)))
        return origins + self._of_the_rest({origin.column.name for origin in origins})

    def _column(self, name: str, label: str) -> Column:
        return Column(name, label, self._map.dates.get(name, ()))

    def _positions(self, name: str, source: Source) -> list[int]:
        found: list[int] = []
        for wanted in source.headers:
            position = self._find(wanted)
            if position is not None and position not in found:
                found.append(position)
        if not found and source.required:
            raise RequestError(
                f"{self._table.path} has no column {source.headers[0]!r}, which the map wants for {name}.",
                hint=_near_header(source.headers[0], self._table.headers),
            )
        self._used.update(found)
        return found

    def _find(self, wanted: str) -> int | None:
        headers = self._table.headers
        for key in (str.casefold, squashed):
            found = [position for position, header in enumerate(headers) if header and key(header) == key(wanted)]
            if len(found) == 1:
                return found[0]
            if found:
                raise _two_columns(self._table, found[0], found[1], f"mean {wanted!r}")
        return None

    def _of_columns(self, name: str, positions: list[int]) -> list[Origin]:
        headers, table = self._table.headers, self._replacements(name)
        if not positions:
            return []
        if name in FLAG_NAMES or len(positions) == 1:  # an opt-out in any column counts: each is read on its own
            return [
                Origin(self._column(name, headers[at]), at, _replaced(_cell(at), table) if table else None)
                for at in positions
            ]
        fill = _replaced(_first_filled(positions), table)
        return [Origin(self._column(name, " or ".join(headers[at] for at in positions)), fill=fill)]

    def _of_template(self, name: str, template: RowTemplate) -> Origin:
        headers = self._table.headers
        names: dict[str, int] = {}
        for position, header in enumerate(headers):
            if header:
                names.setdefault(custom_name(header), position)
        keys = {**names, **{header: position for position, header in enumerate(headers) if header}}
        for wanted, known in [(word, names) for word in template.names] + [(key, keys) for key in template.keys]:
            if wanted not in known:
                raise RequestError(
                    f"The template of {name} uses {wanted!r}, and {self._table.path} has no such column.",
                    hint=_near_header(wanted, list(known)),
                )

        def fill(cells: Sequence[str], line: int) -> str:
            row = {key: cleaned(cells[position])[:MAX_TEXT] for key, position in keys.items()}
            try:
                return template.render({**{key: row[key] for key in names}, "row": row, "line": line})
            except (TemplateError, ValueError, TypeError, LookupError, AttributeError) as error:
                raise ValueError(f"the template of {name} fails here: {error}") from error

        return Origin(self._column(name, f"{name} (template)"), fill=_replaced(fill, self._replacements(name)))

    def _of_the_rest(self, taken: set[str]) -> list[Origin]:
        """Columns that the map does not mention: those with our names, and all others as x.NAME."""
        origins: list[Origin] = []
        at: dict[str, int] = {}
        for position, header in enumerate(self._table.headers):
            if not header:
                self.notes.append(f"column {position + 1} has no name in the header and is left out")
                continue
            if position in self._used or any(fnmatchcase(header.casefold(), p.casefold()) for p in self._map.ignore):
                continue
            name = _FLAT.get(squashed(header), "")
            if header[:2].casefold() == "x." and len(header) > 2:
                name = f"x.{custom_name(header[2:])}"
            elif name in COMPUTED_NAMES:
                self.notes.append(f"column {header!r} is left out: {name} is computed here, from what happens")
                continue
            elif not name or name in taken:
                name = f"x.{custom_name(header)}"
            if name in taken:
                self.notes.append(f"column {header!r} is left out: the map fills {name} from elsewhere")
                continue
            if name in at:
                raise _two_columns(self._table, at[name], position, f"would be {name}")
            if _OPT_OUT.search(squashed(header)) and name not in FLAG_NAMES:
                self.notes.append(
                    f"column {header!r} looks like an opt-out, and is only kept as {name}: name it opted_out in a map"
                )
            at[name] = position
            origins += self._of_columns(name, [position])
        return origins

    def _replacements(self, name: str) -> Mapping[str, str]:
        return {**self._map.values.get(EVERY, {}), **self._map.values.get(name, {})}


def _always(value: str) -> Fill:
    return lambda cells, line: value


def _cell(position: int) -> Fill:
    return lambda cells, line: cells[position]


def _first_filled(positions: Sequence[int]) -> Fill:
    def fill(cells: Sequence[str], line: int) -> str:
        return next((cells[position] for position in positions if cells[position].strip()), "")

    return fill


def _replaced(fill: Fill, table: Mapping[str, str]) -> Fill:
    if not table:
        return fill
    other = table.get(EVERY)

    def replaced(cells: Sequence[str], line: int) -> str:
        text = fill(cells, line)
        known = table.get(cleaned(text).casefold())
        if known is None:
            return text if other is None or not text.strip() else other
        return known

    return replaced


def _two_columns(table: Table, first: int, second: int, both: str) -> RequestError:
    one, two = table.headers[first], table.headers[second]
    return RequestError(
        f"{table.path}:{table.header_line}: columns {first + 1} ({one!r}) and {second + 1} ({two!r}) both {both}.",
        hint="Rename one, or say in a map which is meant (`columns:`) and which is not (`ignore:`).",
    )


def _near_header(wanted: str, headers: Sequence[str]) -> str:
    near = get_close_matches(wanted, [header for header in headers if header], n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    shown = ", ".join(repr(header) for header in headers[:12] if header)
    return f"Its columns are {shown}{', ...' if len(headers) > 12 else ''}. A list of headers, [A, B], may be absent."
