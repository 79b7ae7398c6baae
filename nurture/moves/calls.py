"""Whose task it is or becomes, and how many calls a person has left today."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from nurture.domain import calendar
from nurture.domain.person import Person, Role

if TYPE_CHECKING:
    from nurture.domain.policy import Policy
    from nurture.domain.touch import Touch
    from nurture.domain.workspace import Workspace
    from nurture.ports import Unit


def is_for(one: Touch, person: Person) -> bool:
    """Whether a task is this person's: by name, or by what they do."""
    if one.assigned is None:
        return Role.CALLER in person.roles
    return one.assigned in (person.email, person.name) or one.assigned in {role.value for role in person.roles}


def who_does(workspace: Workspace, owner: str | None, roles: Iterable[Role] = Role) -> tuple[str, Person | None]:
    """Whose work a lead is: its owner's, where that is one of our people with one of these roles, else that of any
    caller, else of any rep. The address or role to assign, and whose hours its deadline runs in.
    """
    person = workspace.person(owner) if owner else None
    if person is not None and person.roles & set(roles):
        return person.email, person
    for role in (Role.CALLER, Role.REP):
        found = workspace.with_role(role)
        if found:
            return role.value, found[0]
    return Role.CALLER.value, None


def calls_left(work: Unit, person: Person, policy: Policy, now: datetime) -> int:
    """How many more calls this person makes on their local day; 1 where nothing limits them."""
    if person.calls_per_day is None:
        return 1
    zone = calendar.zone(person.timezone or policy.timezone)
    midnight = calendar.day_bounds(calendar.local_day(now, zone), zone)[0]
    return person.calls_per_day - work.touches.calls_made(person.email, since=midnight)
