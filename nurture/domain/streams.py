"""Which stream of another version of a cadence is this one: ids only count streams, so the items decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from nurture.domain.cadence import If, Split, Step, Stream


def closest(stream: Stream, others: Iterable[Stream]) -> Stream | None:
    """The one with most of its items; where none has any, the one of the same id."""
    items = set(stream.items)
    best = max(others, key=lambda one: (len(items & set(one.items)), one.id == stream.id), default=None)
    return best if best is not None and (items & set(best.items) or best.id == stream.id) else None


def streams_in(steps: Sequence[Step]) -> Iterator[Stream]:
    """The streams of a cadence, in the order of the file."""
    for step in steps:
        match step:
            case Stream():
                yield step
            case If(then=then, otherwise=otherwise):
                yield from streams_in((*then, *otherwise))
            case Split(arms=arms):
                for arm in arms:
                    yield from streams_in(arm.steps)
            case _:
                pass
