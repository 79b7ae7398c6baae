"""A table and a map to rows: each column finds its name once, each row is read and checked on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, tzinfo
from operator import itemgetter
from pathlib import Path

from nurture.adapters.addresses import international_phone
from nurture.adapters.lead_files.binding import Binding, Origin, squashed
from nurture.adapters.lead_files.maps import NO_MAP, ImportMap, load_map, ready_maps
from nurture.adapters.lead_files.table import Table, open_rows
from nurture.domain.errors import RequestError
from nurture.domain.row import IDENTITIES, PhoneReader, Refused, Row, RowReader


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
        return self.behind(0)

    def behind(self, line: int) -> Iterator[Row | Refused]:
        """Those behind a line of the file; the others are not looked into."""
        after = line
        many = len(self._positions) > 1
        pick: Callable[[list[str]], tuple[str, ...]] | None = itemgetter(*self._positions) if many else None
        read, fills, first = self._reader.read, self._fills, self._positions[0]
        for record in self.table.rows:
            if isinstance(record, Refused):
                if record.line > after:
                    yield record
                continue
            line, cells = record
            if line <= after:
                continue
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
    binding = Binding(table, import_map)
    origins = binding.origins()
    if not {origin.column.name for origin in origins} & IDENTITIES:
        raise RequestError(
            f"{table.path}: no column holds an e-mail address, an external id or a phone number.",
            hint=_identity_hint(table.headers),
        )
    return Rows(table, origins, binding.notes, RowReader([o.column for o in origins], zone=zone, phone=phone))


def open_import(
    path: Path | str, map_name: str | None = None, *, source: str | None = None, zone: tzinfo = UTC
) -> Rows:
    """The rows of a file as `lead import FILE --map NAME|FILE --source NAME` wants them. Raises RequestError."""
    import_map = load_map(map_name) if map_name else NO_MAP
    table = open_rows(path, delimiter=import_map.delimiter, encoding=import_map.encoding)
    return read_rows(table, import_map, source=source, zone=zone)


def _identity_hint(headers: Sequence[str]) -> str:
    if any("@" in header for header in headers):
        return (
            "Its first line holds addresses, not names of columns: begin with a line `email`, then one address a line."
        )
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
