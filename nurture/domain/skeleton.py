"""What all mails of a template have in common, found by looking at some of them; a mail is that and its blanks.

Nothing is read from the template: what the mails of so many different people share word for word names none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

ENOUGH: Final = 8  # mails to different people that a skeleton is made of
SHORT: Final = 24  # characters: to say that a piece is there costs as much as it has
Pieces = tuple[str, ...]
Blanks = list[str | None]  # what stands before each piece, None: the piece is not there; and what stands after the last
_LINES: Final = r"[^\n]*\n|[^\n]+"
_WORDS: Final = r"[^<>\" ]*[<>\" ]|[^<>\" ]+"


def skeleton_of(texts: Sequence[str]) -> Pieces:
    """The pieces that all these texts have in the same order, each as long as it can be."""
    pieces = _shared(texts, _LINES, lambda gaps: _shared(gaps, _WORDS, _edges))
    return tuple(piece for piece in pieces if piece is not None and len(piece) >= SHORT)


def blanks_of(text: str, pieces: Pieces) -> Blanks:
    """What stands in a text besides the pieces. Whatever the text is, `whole` makes it again of these."""
    blanks: Blanks = []
    at = 0
    for piece in pieces:
        found = _find(text, piece, at)
        if found < 0:
            blanks.append(None)
        else:
            blanks.append(text[at:found])
            at = found + len(piece)
    blanks.append(text[at:])
    return blanks


def whole(pieces: Pieces, blanks: Sequence[str | None]) -> str:
    """The text that these blanks were taken from."""
    *before, after = blanks
    there = (blank + piece for piece, blank in zip(pieces, before, strict=True) if blank is not None)
    return "".join([*there, after or ""])


def _find(text: str, piece: str, at: int) -> int:
    """Where a piece begins; -1 where it is not. To look for the whole of a long one would take far longer."""
    if text.startswith(piece, at):
        return at
    head = piece[:SHORT]
    while (at := text.find(head, at)) >= 0 and not text.startswith(piece, at):
        at += 1
    return at


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
    """What texts begin with and end with."""
    start = _beginning(texts)
    end = _beginning([text[len(start) :][::-1] for text in texts])[::-1]
    return [start, None, end]


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
