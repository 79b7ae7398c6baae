"""What arguments mean: one lead or all that a condition fits, FIELD=VALUE pairs, words of a vocabulary, ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from nurture.commands.context import Session
from nurture.domain.errors import RefusedError, RequestError, UnknownNameError

if TYPE_CHECKING:
    from nurture.domain.condition import Condition
    from nurture.domain.lead import Lead

Word = TypeVar("Word", bound=Enum)
Where = Annotated[str | None, typer.Option("--where", metavar="COND", help="All leads for which this holds.")]


def condition(text: str | None) -> Condition | None:
    """A condition of the command line. Raises RequestError that says what is wrong, and where."""
    if text is None:
        return None
    from nurture.domain.condition import ConditionError, parse

    try:
        return parse(text)
    except ConditionError as problem:
        raise RequestError(f"--where: {problem}", hint="") from None


def leads_of(current: Session, lead: str | None, where: str | None) -> list[Lead]:
    """The lead that is named, or all for which the condition holds: one of the two. Raises RequestError."""
    if (lead is None) == (where is None):
        raise RequestError("Name one lead, or say which with --where.", hint="Either, not both.")
    if lead is not None:
        return [current.lead(lead)]
    rules = current.app.rules.in_force().workspace
    with current.app.store.unit(write=False) as work:
        return work.leads.search(condition(where), now=current.now(), rules=rules)


def pairs(texts: Sequence[str], *, what: str) -> dict[str, str]:
    """NAME=VALUE texts. Raises RequestError for one without an equals sign, or a name given twice."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise RequestError(f"{text!r} is no {what}.", hint="Write NAME=VALUE, in quotes if it has spaces.")
        if name in found:
            raise RequestError(f"{name!r} is given twice.", hint="Give it once.")
        found[name] = value.strip()
    return found


def word(kind: type[Word], text: str, *, what: str) -> Word:
    """The word of a vocabulary. Raises UnknownNameError with the near match, or all that there are."""
    try:
        return kind(text.strip().casefold().replace("-", "_"))
    except ValueError:
        known = [str(one.value) for one in kind]
        raise UnknownNameError(what, text, known, otherwise=f"One of: {', '.join(known)}.") from None


def number(text: str, *, what: str, see: str) -> int:
    """An id that is a number. Raises UnknownNameError where it is none."""
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise UnknownNameError(what, text, (), otherwise=f"Run: {see}")
    return int(text)


def cadence_named(current: Session, name: str) -> str:
    """A cadence in force, or one that leads are still in. Raises UnknownNameError with the near match."""
    known = set(current.app.rules.in_force().versions)
    if name not in known:
        raise UnknownNameError("cadence", name, sorted(known), otherwise="Run: nurture cadence list")
    return name


def one_of_lead(current: Session, text: str, rows: Sequence[Mapping[str, Any]], *, what: str, see: str) -> str:
    """The id of the only one of these rows that belongs to the lead of this address; an id is given back as it is.

    Raises RefusedError where the lead has none, or several.
    """
    if "@" not in text:
        return text
    lead = str(current.lead(text).id)
    found = [str(row["id"]) for row in rows if str(row["lead"]) == lead]
    if len(found) == 1:
        return found[0]
    if not found:
        raise RefusedError(f"{text} has no open {what}.", hint=f"See: {see}")
    ids = ", ".join(found)
    raise RefusedError(f"{text} has {len(found)} open {what}s: {ids}.", hint=f"Name one by its id. See: {see}")


def open_task(current: Session, text: str) -> str:
    """The id of a task, named by itself or by its lead; of several, the one that this person has."""
    if "@" not in text:
        return text
    lead = current.lead(text).id
    with current.app.store.unit(write=False) as work:
        open_ = [one for one in work.touches.of_leads([lead]).get(lead, ()) if one.state == "open"]
    person = current.app.rules.in_force().workspace.person(current.person)
    held = [one for one in open_ if person is not None and one.claimed_by == person.email]
    rows = [{"id": one.id, "lead": one.lead} for one in held or open_]
    return one_of_lead(current, text, rows, what="task", see="nurture task list")


def handoff_id(current: Session, text: str) -> int:
    """The id of a handoff, named by itself or by its lead."""
    see = "nurture handoff list"
    if "@" in text:
        from nurture.flow import handoff

        rows = handoff.listed(current.app.store, states=["queued", "offered", "accepted"])
        text = one_of_lead(current, text, rows, what="handoff", see=see)
    return number(text, what="handoff", see=see)
