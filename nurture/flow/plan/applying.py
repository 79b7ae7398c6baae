"""Put a plan in force, in one transaction; with `migrate`, leads in flight move to the new version by step id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from nurture.domain.cadence import Email, PersonTask, Webhook
from nurture.domain.enrollment import OPEN, Enrollment
from nurture.domain.enrollment import State as EnrollmentState
from nurture.domain.errors import RefusedError
from nurture.domain.relocation import Lost
from nurture.domain.touch import State, Touch
from nurture.domain.wave import emails_among
from nurture.flow.plan.changes import CADENCES, Plan
from nurture.flow.plan.in_flight import placed
from nurture.moves import rescoring
from nurture.moves.enrolling import close_touches
from nurture.moves.first_wave import announce
from nurture.moves.leaving import hand_over
from nurture.ports.store import Change

if TYPE_CHECKING:
    from nurture.domain.lead import LeadId
    from nurture.domain.policy import Policy
    from nurture.domain.walk import Program
    from nurture.domain.workspace import Workspace
    from nurture.ports import InForce, Store, Unit

NAMED = 10  # leads in a refusal
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Moved:
    """How many leads were moved to a version of a cadence."""

    cadence: str
    version: int
    leads: int


def apply(
    made: Plan,
    *,
    store: Store,
    policy: Policy,
    now: datetime,
    by: str,
    migrate: bool = False,
    before: Workspace | None = None,
    dry_run: bool = False,
) -> list[Moved]:
    """Put a plan in force. Leads in flight stay on their version, or with `migrate` move to the new one.

    `before`: what is in force; the open work of who is in it and leaves goes to the deputies. Raises RefusedError when
    somebody else applied in between, and, naming them, when leads stand on a removed step, or somebody with open work
    leaves without a deputy.
    """
    rules = made.rules
    assert rules is not None
    with store.unit(write=False) as work:
        behind = _behind(work, rules) if migrate else []
    # What is parsed now need not be read while the write lock is held.
    for one in behind:
        rules.program(one.cadence, one.version)
    with store.unit() as work:
        if work.control.generation() != made.generation:
            raise RefusedError("Somebody else applied files in between.", hint="Look again: nurture plan")
        for name, (version, shape) in {**made.versions, **made.same_structure}.items():
            content = made.files.get(f"{CADENCES}{name}.yaml")
            if content is not None:
                work.control.put_version(name, version, structure=shape, content=content, at=now, by=by)
                # No part of the structure, so it is for everyone, as the texts are.
                work.enrollments.prioritize(name, made.workspace.cadences[name].priority)
        work.control.put_files(made.files, at=now, by=by)
        if before is not None:
            hand_over(work, before, made.workspace, now=now, by=by)
        if rescoring.asks_for_it(before, made.workspace):
            rescoring.begin(work, now=now)
        if policy.first_wave:
            announce(work, emails_among(list(made.files), list(work.control.files())), now=now)
        if made.files:
            work.notes.add([Change("applied", f"{len(made.files)} files applied", now, by=by)])
        moved = _migrate(work, _behind(work, rules), rules, policy, now, by) if migrate else []
        if not dry_run:
            work.commit()
    return moved


def _behind(work: Unit, rules: InForce) -> list[Enrollment]:
    """Enrollments in flight that are not in the version in force. A cadence that is gone has none."""
    return [
        one
        for one in work.enrollments.select()
        if one.state in OPEN and one.cadence in rules.workspace.cadences and one.version != rules.versions[one.cadence]
    ]


def _migrate(
    work: Unit, behind: Sequence[Enrollment], rules: InForce, policy: Policy, now: datetime, by: str
) -> list[Moved]:
    lost: dict[tuple[str, str], list[LeadId]] = {}
    counts: dict[str, int] = {}
    for start in range(0, len(behind), CHUNK):
        batch = behind[start : start + CHUNK]
        touches = work.touches.of_leads({one.lead for one in batch})
        after, dropped, history = [], [], []
        for one in batch:
            version = rules.versions[one.cadence]
            old, new = rules.program(one.cadence, one.version), rules.program(one.cadence, version)
            to, opened = placed(one, old, new, touches.get(one.lead, ()), now)
            if isinstance(to, Lost):
                lost.setdefault((one.cadence, to.step), []).append(one.lead)
                continue
            if opened is not None and opened.state is State.PLANNED and _differs(opened, old, new, one, to.pc):
                dropped.append(opened.id)
                opened = None
            after.append(_moved(replace(one, version=version, place=to), opened, policy, now))
            counts[one.cadence] = counts.get(one.cadence, 0) + 1
            words = f"moved to version {version} of {one.cadence}"
            history.append(Change("migrated", words, now, by=by, lead=one.lead, detail={"enrollment": one.id}))
        close_touches(work, dropped)
        work.enrollments.save(after, fenced=False)
        work.notes.add(history)
    if lost:
        raise _refused(work, lost, rules)
    return [Moved(name, rules.versions[name], leads) for name, leads in sorted(counts.items())]


def _differs(opened: Touch, old: Program, new: Program, one: Enrollment, pc: int) -> bool:
    """Whether a touch that is only planned would be another one in the new version: it is then planned anew."""
    was, now = old.ops[one.place.pc], new.ops[pc]
    if not isinstance(was, Email | PersonTask | Webhook) or not isinstance(now, Email | PersonTask | Webhook):
        return False
    return replace(was, line=0) != replace(now, line=0)


def _moved(one: Enrollment, opened: Touch | None, policy: Policy, now: datetime) -> Enrollment:
    """The enrollment in its new place, due so that the next pass counts its waits again."""
    # What was left of a wait when it was paused is counted again too, from the place.
    memory = {key: value for key, value in one.place.memory.items() if key != "left"}
    one = replace(one, place=replace(one.place, memory=memory), waiting=False)
    if opened is None:
        one = replace(one, touch=None)
    if one.state is not EnrollmentState.ACTIVE:
        return one
    if opened is None:
        return replace(one, next_at=now)
    if opened.state in (State.SENDING, State.IN_DOUBT):
        # Whoever sends it has lost its hold on the enrollment: look again when the answer is there.
        return replace(one, next_at=now + policy.lease)
    return one


def _refused(work: Unit, lost: Mapping[tuple[str, str], Sequence[LeadId]], rules: InForce) -> RefusedError:
    parts = []
    for (cadence, step), leads in sorted(lost.items()):
        people = work.leads.get(leads[:NAMED])
        names = ", ".join(people[lead].email or f"lead {lead}" for lead in leads[:NAMED] if lead in people)
        more = f" and {len(leads) - NAMED:,} more" if len(leads) > NAMED else ""
        stand = "leads stand" if len(leads) != 1 else "lead stands"
        parts.append(f"{len(leads):,} {stand} on step {step!r} of {cadence}, which is gone: {names}{more}.")
    cadence, step = min(lost)
    file = rules.workspace.cadences[cadence].file or f"{CADENCES}{cadence}.yaml"
    hint = f"Nothing was changed. Say in {file} where it went, 'renamed: {{{step}: NEW-STEP}}', or leave out --migrate."
    return RefusedError(" ".join(parts), hint=hint)
