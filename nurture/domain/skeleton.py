"""What all mails of a template have in common, found by looking at some of them; a mail is that and its blanks.

Nothing is read from the template: what the mails of so many different people share word for word names none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

ENOUGH: Final = 8  # mails to different people that a skeleton is made of
SHORT: Final = 24  # characters: to say that a piece is there costs as much as it has
Pieces = tuple[str, ...]
# What stands before each piece, and after the last. A list: what stands before each line of a piece of which only some
# lines are there; these people are unlike those whom it was made of. None: the piece, or the line, is not there.
Blanks = list[str | list[str | None] | None]
_LINES: Final = r"[^\n]*\n|[^\n]+"
_WORDS: Final = r"[^<>\" ]*[<>\" ]|[^<>\" ]+"
_LONG_LINES: Final = re.compile(rf"(?s:.{{{SHORT}}})[^\n]*\n?|(?s:.+)")  # short ones with the next


def skeleton_of(texts: Sequence[str]) -> Pieces:
    """The pieces that all these texts have in the same order, each as long as it can be."""
    pieces = _shared(texts, _LINES, lambda gaps: _shared(gaps, _WORDS, _edges))
    return tuple(piece for piece in pieces if piece is not None and len(piece) >= SHORT)


def blanks_of(text: str, pieces: Pieces, *, by_line: bool = False) -> Blanks:
    """What stands in a text besides the pieces. Whatever the text is, `whole` makes it again of these.

    `by_line`: of a piece that is not there, its lines are looked for, which takes ten times as long.
    """
    blanks: Blanks = []
    at = 0
    for piece in pieces:
        blank, at = _before(text, piece, at)
        if blank is None and by_line:
            lines: list[str | None] = []
            for line in _lines_of(piece):
                before, at = _before(text, line, at)
                lines.append(before)
            blanks.append(lines if any(one is not None for one in lines) else None)
        else:
            blanks.append(blank)
    blanks.append(text[at:])
    return blanks


def whole(pieces: Pieces, blanks: Blanks) -> str:
    """The text that these blanks were taken from."""
    made: list[str] = []
    for piece, blank in zip(pieces, blanks, strict=False):
        if isinstance(blank, str):
            made += (blank, piece)
        elif blank is not None:
            for line, before in zip(_lines_of(piece), blank, strict=True):
                made += () if before is None else (before, line)
    return "".join([*made, str(blanks[-1])])


@lru_cache(maxsize=1024)
def _lines_of(piece: str) -> Pieces:
    return tuple(_LONG_LINES.findall(piece))


def _before(text: str, piece: str, at: int) -> tuple[str | None, int]:
    """What stands between a place and the next piece, and where that ends; None where it is not there.

    To look for the whole of a long one would take far longer than to look for its beginning.
    """
    begins = at
    if not text.startswith(piece, begins):
        head = piece[:SHORT]
        while (begins := text.find(head, begins)) >= 0 and not text.startswith(piece, begins):
            begins += 1
    return (text[at:begins], begins + len(piece)) if begins >= 0 else (None, at)


def _shared(texts: Sequence[str], part: str, within: Callable[[Sequence[str]], list[str | None]]) -> list[str | None]:
    """The pieces of texts; None between two for what differs. `within` looks into what stands between shared parts."""
    from difflib import SequenceMatcher  # when a mail is read, nothing is compared

    parts = [re.findall(part, text) for text in texts]
    common = parts[0]
    for others in parts[1:]:
        blocks = SequenceMatcher(None, common, others).get_matching_blocks()
        common = [one for block in blocks for one in common[block.a : block.a + block.size]]
    places = [0] * len(texts)
    found: list[str | None] = [""]
    for one in (*common, None):  # the last gap is behind all that they share
        gaps = []
        for number, others in enumerate(parts):
            until = others.index(one, places[number]) if one is not None else len(others)
            gaps.append("".join(others[places[number] : until]))
            places[number] = until + 1
        if any(gaps):
            _join(found, within(gaps))
        _join(found, [one or ""])
    return found


def _edges(texts: Sequence[str]) -> list[str | None]:
    """What texts begin with and end with, of words like links: a few letters are the same by chance."""
    start = _long(_beginning(texts))
    return [start, None, _long(_beginning([text[len(start) :][::-1] for text in texts]))[::-1]]


def _long(shared: str) -> str:
    return shared if len(shared) >= SHORT else ""


def _beginning(texts: Sequence[str]) -> str:
    low, high = min(texts), max(texts)
    many = next((at for at, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), len(low))
    return low[:many]


def _join(found: list[str | None], more: Sequence[str | None]) -> None:
    """Put pieces behind others: what touches is one piece."""
    for piece in more:
        if piece is not None and found[-1] is not None:
            found[-1] += piece
        else:
            found.append(piece)
