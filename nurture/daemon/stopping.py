"""Who is asked to stop goes no further than the end of a transaction: what is left is found by the next pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from nurture.domain.errors import UnreachableError
from nurture.ports import Store, Unit


class StoppingError(UnreachableError):
    """The daemon was asked to stop. An arrow meets it where it would meet a database that went away."""


@dataclass(frozen=True, slots=True)
class StoppingStore:
    """A store that begins no transaction any more once `stops` says so."""

    store: Store
    stops: Callable[[], bool]

    @contextmanager
    def unit(self, *, write: bool = True, one_view: bool = False) -> Iterator[Unit]:
        """A transaction of the store. Raises StoppingError in the place of one more."""
        if self.stops():
            raise StoppingError("The daemon was asked to stop.", hint="The next pass goes on.")
        with self.store.unit(write=write, one_view=one_view) as work:
            yield work

    @property
    def works_apart(self) -> bool:
        """As the store says."""
        return self.store.works_apart

    def now(self, clock_now: datetime) -> datetime:
        """The moment of a pass."""
        return self.store.now(clock_now)
