"""What kind of text a file is: its encoding, tried on every byte, and the character that separates its cells."""

from __future__ import annotations

import codecs
import csv
import io
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Final

from nurture.domain.errors import RequestError

CHUNK: Final = 1024 * 1024
LONGEST_LINE: Final = 8 * CHUNK  # bytes; a text without line ends would be held in memory whole
_AS_CSV: Final = "Save it as CSV first (in Excel: Save As, CSV UTF-8)."
_OTHER_FILES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"PK\x03\x04", "is a zip archive or an Excel workbook"),
    (b"PK\x05\x06", "is an empty zip archive"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook"),
    (b"\x1f\x8b", "is compressed with gzip"),
    (b"%PDF", "is a PDF"),
    (b"SQLite format 3", "is a database"),
    (b"PAR1", "is a Parquet file"),
)
_MARKUP: Final = (
    (b"<!doctype", "is a web page"),
    (b"<html", "is a web page"),
    (b"<table", "is a web page"),
    (b"<?xml", "is XML"),
)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_USUAL: Final = ",;\t|"
_UNUSUAL: Final = ":^~!*\x01\x1e\x1f\u00a6\u00a7\u00ac"
_DELIMITER_NAMES: Final = {
    "tab": "\t",
    "\\t": "\t",
    "comma": ",",
    "semicolon": ";",
    "pipe": "|",
    "bar": "|",
    "space": " ",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec of Python, and how a person calls it, with the reason where it was not obvious."""

    codec: str
    words: str


def find_encoding(path: Path, given: str | None = None) -> Encoding:
    """The encoding in which every byte of the file makes sense: as given or marked, else UTF-8, else Windows-1252.

    Latin-1 is the part of Windows-1252 that files have. Raises RequestError for what is missing, no file, empty,
    another kind of file, or text in none of them: wrong letters in names would be worse than a question.
    """
    head = _head(path)
    marked = next(((codec, words) for mark, codec, words in _MARKS if head.startswith(mark)), None)
    if given:
        codec = known_codec(given)
        # The mark is no part of the first header.
        codec = "utf-8-sig" if codec == "utf-8" and head.startswith(codecs.BOM_UTF8) else codec
        found = Encoding(codec, given)
    elif marked or (marked := _wide(head)):
        found = Encoding(*marked)
    else:
        found = Encoding("utf-8", "UTF-8")
    line = _first_bad_line(path, found.codec)
    if line is None:
        _refuse_binary(path, head.decode(found.codec, "ignore"))
        return found
    if given or marked:
        raise RequestError(
            f"{path}: line {line} is not {found.words}, as the file is {'said to be' if given else 'marked'}.",
            hint="Give its encoding in the map, such as `encoding: cp1252`, or save it as UTF-8.",
        )
    _refuse_binary(path, head.decode("latin-1"))
    if _foreign(head) or _first_bad_line(path, "cp1252") is not None:
        raise RequestError(
            f"{path} is neither UTF-8 (see line {line}), nor UTF-16, nor Windows-1252.",
            hint="Give its encoding in the map, such as `encoding: big5`, or save it as UTF-8.",
        )
    return Encoding(
        "cp1252", f"Windows-1252 (line {line} is not UTF-8; should names look wrong, give `encoding` in the map)"
    )


def _head(path: Path) -> bytes:
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise RequestError(f"{path} is a folder.", hint="Name a CSV file in it.")
        if not stat.S_ISREG(kind):
            raise RequestError(f"{path} is not a file that can be read twice.", hint="Save it as a file first.")
        with path.open("rb") as file:
            head = file.read(64 * 1024)
    except FileNotFoundError as error:
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, beside, n=1)
        raise RequestError(
            f"There is no file {path}.", hint=f"Did you mean {near[0]!r}?" if near else "Check the path."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        because = error.strerror if isinstance(error, OSError) else error
        raise RequestError(f"{path} cannot be read: {because}.", hint="Check the path and its permissions.") from error
    what = next((words for mark, words in _OTHER_FILES if head.startswith(mark)), None)
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:10].lower()
    what = what or next((words for mark, words in _MARKUP if start.startswith(mark)), None)
    if start[:2] in {b'{"', b"[{", b"[\n", b"{\n", b'["'}:
        what = "is JSON"
    if what:
        raise RequestError(f"{path} {what}, not CSV.", hint=_AS_CSV)
    if not start:
        raise RequestError(f"{path} is empty.", hint="A CSV file begins with a line of column names.")
    return head


def _wide(head: bytes) -> tuple[str, str] | None:
    """UTF-16 without its mark: of western text every second byte is zero."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le", "UTF-16 (little-endian, without a byte order mark)"
    if even > 0.3 * half and odd < 0.05 * half:
        return "utf-16-be", "UTF-16 (big-endian, without a byte order mark)"
    return None


def _foreign(head: bytes) -> bool:
    """Whether Windows-1252, in which nearly every byte is some letter, would make nonsense of Chinese or Cyrillic."""
    high = sum(byte >= 0x80 for byte in head)
    letters = sum(chr(byte).isalpha() for byte in head if byte < 0x80)
    return high > 0.3 * (letters + high) and high > 20


def known_codec(name: str) -> str:
    """Python's name of a text encoding. Raises RequestError."""
    try:
        "".encode(name)  # refuses codecs that are none of text, such as zip
        return codecs.lookup(name).name
    except (LookupError, ValueError, UnicodeError) as error:
        raise RequestError(
            f"No encoding is called {name!r}.", hint="Use utf-8, utf-16, cp1252 or another name that Python knows."
        ) from error


def _first_bad_line(path: Path, codec: str) -> int | None:
    """The line of the first byte that is not in this encoding. Raises RequestError for a line beyond any table."""
    decoder = codecs.getincrementaldecoder(codec)()
    line, since = 1, 0
    for chunk, is_last in _chunks(path):
        try:
            decoder.decode(chunk, is_last)
        except UnicodeError as error:
            start = error.start if isinstance(error, UnicodeDecodeError) else 0
            return line + _line_ends(chunk[:start])
        line += _line_ends(chunk)
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        since = len(chunk) - end - 1 if end >= 0 else since + len(chunk)
        if since > LONGEST_LINE:
            raise RequestError(f"{path}: line {line} has no end within 8 MB: this is not CSV.", hint=_AS_CSV)
    return None


def _chunks(path: Path) -> Iterator[tuple[bytes, bool]]:
    with path.open("rb") as file:
        chunk = file.read(CHUNK)
        while chunk:
            following = file.read(CHUNK)
            yield chunk, not following
            chunk = following


def _line_ends(data: bytes) -> int:
    return data.count(b"\n") or data.count(b"\r")


def _refuse_binary(path: Path, text: str) -> None:
    """A few stray control characters are cleaned away; a file made of them is no text."""
    strange = sum(character < " " and character not in "\t\r\n\x01\x1e\x1f" for character in text)
    if strange > max(30, 0.05 * len(text)):
        raise RequestError(f"{path} is not a text file.", hint=_AS_CSV)


def named_delimiter(given: str) -> str:
    """The character that is meant by itself or by its name. Raises RequestError."""
    delimiter = _DELIMITER_NAMES.get(given.casefold(), given)
    if len(delimiter) != 1 or delimiter.isalnum() or delimiter in '"\r\n':
        raise RequestError(
            f"{given!r} cannot separate cells.", hint="Give one character, or tab, comma, semicolon or pipe."
        )
    return delimiter


def delimiter_of(sample: str, given: str | None = None) -> tuple[str, int]:
    """The character that cuts the sample into rows of one width, and that width. A file of one column has a comma.

    Not csv.Sniffer, which counts characters inside quotes and likes letters.
    """
    if given:
        return given, _fit(sample, given)[1]
    best, found = 0.0, (",", 1)
    for candidate in _USUAL + _UNUSUAL:
        if candidate in sample:
            fit, width = _fit(sample, candidate)
            # Times and addresses are full of colons: an unusual separator must fit clearly better.
            fit *= 1.0 if candidate in _USUAL else 0.9
            if width > 1 and fit > best:
                best, found = fit, (candidate, width)
    return found


def _fit(sample: str, delimiter: str) -> tuple[float, int]:
    """How well it fits (0 to 1), and the usual number of cells."""
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, skipinitialspace=delimiter != " ")
    widths: list[int] = []
    try:
        widths.extend(len(row) for row in islice(rows, 500) if any(row))
    except csv.Error:
        return 0.0, 1
    if not widths:
        return 0.0, 1
    width, times = Counter(widths).most_common(1)[0]
    # Commas inside the text of a file of semicolons are not in its header, and not in the same number in each row.
    agreed = 1.0 if widths[0] == width else 0.7
    return agreed * times / len(widths) * width / (width + 0.25), width
