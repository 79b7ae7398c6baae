"""A table and a map to rows: each column finds its name once, each row is read and checked on its own."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from difflib import get_close_matches
from fnmatch import fnmatchcase
from operator import itemgetter
from typing import Final

from jinja2 import TemplateError

from nurture.adapters.addresses import international_phone
from nurture.adapters.csv_files import Table
from nurture.adapters.import_maps import EVERY, NO_MAP, ImportMap, Source, load_map, ready_maps
from nurture.adapters.map_templates import RowTemplate
from nurture.domain.cell import MAX_TEXT, cleaned
from nurture.domain.errors import RequestError
from nurture.domain.row import COMPUTED_NAMES, FLAG_NAMES, GIVEN_NAMES, Column, PhoneReader, Refused, Row, RowReader

IDENTITIES: Final = ("email", "external_id", "phone")
Fill = Callable[[Sequence[str], int], str]  # cells and line to the text for a name


@dataclass(frozen=True, slots=True)
class Origin:
    """One name of the row and what fills it: a cell by its position, or a function of the row."""

    column: Column
    position: int = 0
    fill: Fill | None = None


class Rows:
    """The rows of a file under a map. Can be read more than once: a dry run, then the import.

    `notes` says in words what is not taken from the file; `names` are the names that it fills.
    """

    def __init__(self, table: Table, origins: Sequence[Origin], notes: Sequence[str], reader: RowReader) -> None:
        self.table = table
        self.notes = tuple(notes)
        self.names = tuple(dict.fromkeys(origin.column.name for origin in origins))
        self._reader = reader
        self._fills = [(number, origin.fill) for number, origin in enumerate(origins) if origin.fill]
        self._positions = [origin.position for origin in origins]

    def __iter__(self) -> Iterator[Row | Refused]:
        """Every row of the file that is not blank, in its order."""
        many = len(self._positions) > 1
        pick: Callable[[list[str]], tuple[str, ...]] | None = itemgetter(*self._positions) if many else None
        read, fills, first = self._reader.read, self._fills, self._positions[0]
        for record in self.table.rows:
            if isinstance(record, Refused):
                yield record
                continue
            line, cells = record
            texts: Sequence[str] = pick(cells) if pick else (cells[first],)
            if fills:
                filled = list(texts)
                try:
                    for number, fill in fills:
                        filled[number] = fill(cells, line)
                except ValueError as error:
                    yield Refused(line, str(error))
                    continue
                texts = filled
            yield read(line, texts)


def read_rows(
    table: Table,
    import_map: ImportMap = NO_MAP,
    *,
    source: str | None = None,
    zone: tzinfo = UTC,
    phone: PhoneReader = international_phone,
) -> Rows:
    """The rows of the table under the map; without one, by their headers.

    `source` overrides what the file says about it; `zone` is that of times without an offset. Raises RequestError when
    the map asks for columns that are not there, or when no column could identify anybody.
    """
    if source is not None:
        import_map = import_map.with_constant("source", source)
    binding = _Binding(table, import_map)
    origins = binding.origins()
    if not {origin.column.name for origin in origins} & set(IDENTITIES):
        raise RequestError(
            f"{table.path}: no column holds an e-mail address, an external id or a phone number.",
            hint=_identity_hint(table.headers),
        )
    return Rows(table, origins, binding.notes, RowReader([o.column for o in origins], zone=zone, phone=phone))


def custom_name(header: str) -> str:
    """The header as a name that conditions and templates can use: `No. of Plants` is no_of_plants."""
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", header).lower()).strip("_")
    if not name or name[0].isdigit():
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


class _Binding:
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


def _identity_hint(headers: Sequence[str]) -> str:
    have = {squashed(header) for header in headers}
    fits: dict[str, int] = {}
    for name in ready_maps():
        known = {key: {squashed(h) for h in source.headers} & have for key, source in load_map(name).columns.items()}
        if known["email"]:
            fits[name] = sum(map(bool, known.values()))
    if fits:
        return f"This looks like a file for --map {max(fits, key=lambda name: fits[name])}."
    near = next((header for header in headers if "mail" in header.casefold()), None)
    column = near or "Your Column"
    return (
        f"Rename one to email, external_id or phone, or give a map: `columns: {{email: {column}}}` and --map FILE.yaml."
    )
