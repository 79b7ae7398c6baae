"""Everything that marketers wrote, read and checked: what is in force after `apply`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nurture.domain.readiness import Readiness
from nurture.domain.scoring import Scoring

if TYPE_CHECKING:
    from nurture.domain.cadence import Cadence
    from nurture.domain.person import Person, Role
    from nurture.domain.source import Source

# What conditions ask about our own touches; responses have a pass of their own.
OF_TOUCHES: Final = frozenset({"sent", "touches", "outcome"})


@dataclass(frozen=True, slots=True)
class Workspace:
    """Cadences by name, people by address, sources by name. A file that does not exist is one of defaults."""

    cadences: Mapping[str, Cadence] = field(default_factory=dict)
    scoring: Scoring = field(default_factory=Scoring)
    readiness: Readiness = field(default_factory=Readiness)
    people: Mapping[str, Person] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)

    @property
    def entry_asks_about_touches(self) -> bool:
        """Whether a lead may enter some cadence because of what it was sent, as those of a correction do."""
        conditions = (cadence.entry.when for cadence in self.cadences.values())
        return any(call.name in OF_TOUCHES for when in conditions if when is not None for call in when.calls)

    def with_role(self, role: Role) -> tuple[Person, ...]:
        """The people who do this, in the order of the file."""
        return tuple(person for person in self.people.values() if role in person.roles)

    def person(self, known_as: str) -> Person | None:
        """The person with this address or name, whatever its case."""
        wanted = known_as.casefold()
        by_address = self.people.get(wanted)
        if by_address is not None:
            return by_address
        return next((person for person in self.people.values() if person.name.casefold() == wanted), None)
