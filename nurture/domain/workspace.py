"""Everything that marketers wrote, read and checked: what is in force after `apply`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from nurture.domain.cadence import WaitFor
from nurture.domain.condition.vocabulary import OF_TIME
from nurture.domain.readiness import Readiness
from nurture.domain.scoring import Scoring
from nurture.domain.walk import program_of

if TYPE_CHECKING:
    from nurture.domain.cadence import Cadence
    from nurture.domain.condition import Condition
    from nurture.domain.duration import Duration
    from nurture.domain.person import Person, Role
    from nurture.domain.source import Source

# What conditions ask about our own touches; responses have a pass of their own.
OF_TOUCHES: Final = frozenset({"sent", "touches", "outcome"})
# What decays, or counts down.
FADING: Final = frozenset({"engagement", "score", "timeline_months"})


@dataclass(frozen=True)  # no slots: what `cached_property` keeps costs nothing to read again
class Workspace:
    """Cadences by name, people by address, sources by name. A file that does not exist is one of defaults."""

    cadences: Mapping[str, Cadence] = field(default_factory=dict)
    scoring: Scoring = field(default_factory=Scoring)
    readiness: Readiness = field(default_factory=Readiness)
    people: Mapping[str, Person] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)

    @cached_property
    def entering(self) -> tuple[Condition, ...]:
        """By what leads come into cadences."""
        return tuple(one.entry.when for one in self.cadences.values() if one.entry.when is not None)

    @cached_property
    def awaited(self) -> tuple[Condition, ...]:
        """What leads in a cadence go on by, or are done by: what is waited for, and the goals."""
        ops = (op for cadence in self.cadences.values() for op in program_of(cadence).ops)
        goals = (one.goal for one in self.cadences.values() if one.goal is not None)
        return (*goals, *(op.condition for op in ops if isinstance(op, WaitFor)))

    @cached_property
    def staging(self) -> tuple[Condition, ...]:
        """By what leads come into stages and leave them."""
        return tuple(condition for rule in self.scoring.stages.values() for condition in (rule.enter, rule.leave))

    @cached_property
    def asked_nightly(self) -> frozenset[tuple[str, tuple[str | Duration, ...]]]:
        """What fit, stages and what is awaited ask that changes while nothing happens to a lead."""
        conditions = (*self.staging, *self.awaited, *(rule.when for rule in self.scoring.fit))
        return frozenset((call.name, call.args) for one in conditions for call in one.calls if call.name in OF_TIME)

    @cached_property
    def watched(self) -> tuple[Condition, ...]:
        """What decay alone can change: stages, promotion, the entry of cadences, and what is awaited in them."""
        promote = [] if self.readiness.promote_when is None else [self.readiness.promote_when]
        return (*self.staging, *promote, *self.entering, *(one for one in self.awaited if one.names & FADING))

    @cached_property
    def entry_asks_about_touches(self) -> bool:
        """Whether a lead may enter some cadence because of what it was sent, as those of a correction do."""
        return any(call.name in OF_TOUCHES for when in self.entering for call in when.calls)

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
