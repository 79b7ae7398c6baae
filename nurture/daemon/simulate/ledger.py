"""The dated ledger of a simulation: the lines of `touch ledger`, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from nurture.domain.ledger import Happened, ledger, moment_of
from nurture.ports.simulation import Watched


def lines(watched: Watched, since: datetime, until: datetime) -> Iterator[Happened]:
    """The ledger of [since, until), in its order; what happened at one moment is in memory at a time."""
    for _, together in groupby(watched.ledger(since, until), key=moment_of):
        yield from ledger(together, since=since, until=until)
