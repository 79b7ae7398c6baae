"""A file that is imported as a command asks for it: its rows, and by what it is known when it comes again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from nurture.adapters.lead_files.maps import NO_MAP, load_map, ready_maps
from nurture.adapters.lead_files.process import read_ahead
from nurture.adapters.lead_files.rows import Rows, read_rows
from nurture.adapters.lead_files.table import Table, open_rows
from nurture.domain import calendar
from nurture.domain.row import Refused, Row


class ImportFile:
    """Rows of a file under a map (its name or file); `delimiter` and `encoding` win over those of the map.

    `notes` says in words what is not taken from the file. Raises RequestError.
    """

    def __init__(
        self,
        path: Path,
        map_name: str | None,
        *,
        source: str | None,
        delimiter: str | None,
        encoding: str | None,
        zone: str,
    ) -> None:
        chosen = load_map(map_name) if map_name else NO_MAP
        table = open_rows(path, delimiter=delimiter or chosen.delimiter, encoding=encoding or chosen.encoding)
        self._again = partial(_read, table, map_name, source, zone)
        self._rows = self._again()
        self._read_by = (map_name, source, table.encoding.codec, table.delimiter, zone)
        self._path = path
        self.notes = self._rows.notes

    def __iter__(self) -> Iterator[Row | Refused]:
        return self.behind()

    def behind(self, line: int = 0) -> Iterator[Row | Refused]:
        """The rows behind a line, read ahead of whoever takes them."""
        return read_ahead(self._rows, self._again, line)

    def content(self) -> str:
        """The same for the same content that is read in the same way, whatever the file is called."""
        found = hashlib.sha256(repr(self._read_by[1:]).encode())
        map_name = self._read_by[0]
        if map_name is not None:
            found.update(map_name.encode() if map_name in ready_maps() else Path(map_name).read_bytes())
        with self._path.open("rb") as file:
            while block := file.read(1 << 20):
                found.update(block)
        return found.hexdigest()


def _read(table: Table, map_name: str | None, source: str | None, zone: str) -> Rows:
    chosen = load_map(map_name) if map_name else NO_MAP
    return read_rows(table, chosen, source=source, zone=calendar.zone(zone))
