"""The dated ledger of a simulation: the lines of `touch ledger`, one at a time, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from nurture.domain.ledger import Happened, ledger
from nurture.ports.simulation import Watched


def lines(watched: Watched, since: datetime, until: datetime) -> Iterator[Happened]:
    """The ledger of [since, until), in its order."""
    for touch in watched.ledger(since, until):
        yield from ledger([touch], since=since, until=until)
