"""What somebody does, and the doing of it as it would come in: through its arrow, at its moment or with the next pass.

A click comes in at its moment; a mail, or an event of the provider, is kept when it comes and worked on by a pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from nurture.daemon import consequences
from nurture.domain.response import CallOutcome, Grade, Kind
from nurture.flow import handoff, respond, tasks
from nurture.flow.respond import Report
from nurture.wiring import App

# What comes as a mail, and what the provider reports: kept when it comes, worked on by the next pass.
MAILED: Final = frozenset({Kind.REPLY.value, Kind.AUTO_REPLY.value})
REPORTED: Final = frozenset({Kind.BOUNCE.value, Kind.COMPLAINT.value})
# Nobody but a machine says that a mail did not arrive, or that somebody is away.
GRADES: Final = {Kind.BOUNCE.value: Grade.LIKELY_MACHINE, Kind.AUTO_REPLY.value: Grade.LIKELY_MACHINE}
# What people of ours do by a command, whose consequences follow at once; an offer is answered on a page.
COMMANDS: Final = frozenset({"task", "contacted", "won", "lost"})


@dataclass(frozen=True, slots=True, order=True)
class Act:
    """Something that somebody does, named by what it is about: the same in every run, and on every database.

    `what`: a kind of response, `task`, `accept`, `reject`, `contacted`, `won` or `lost`. `subject` is the touch's id or
    the handoff's number; it takes no part in the order.
    """

    at: datetime
    lead: int
    cadence: str
    step: str
    occurrence: int
    what: str
    by: str = field(default="", compare=False)
    subject: str = field(default="", compare=False)
    detail: Mapping[str, Any] = field(default_factory=dict, compare=False)


def perform(app: App, act: Act) -> int:
    """Do what somebody does, through its arrow, at its moment; how many leads were promoted by it.

    Raises RefusedError when it comes too late.
    """
    if act.step == "handoff" and not act.cadence:
        _answer(app, act)
    elif act.what == "task":
        _finish(app, act)
    else:
        come_in(app, [act], act.at)
    return consequences.run(app) if act.what in COMMANDS else 0


def _common(app: App, now: datetime) -> dict[str, Any]:
    common: dict[str, Any] = {"store": app.store, "rules": app.rules.in_force(), "policy": app.policy, "now": now}
    return common | {"new_id": app.clock.new_id}


def _answer(app: App, act: Act) -> None:
    desk = handoff.Desk(**_common(app, act.at), by=act.by, crm=bool(app.settings.crm.webhook))
    number, reason = int(act.subject), str(act.detail.get("reason") or "")
    match act.what:
        case "accept":
            handoff.accept(desk, number)
        case "reject":
            handoff.reject(desk, number, reason)
        case "contacted":
            handoff.contacted(desk, number)
        case "won":
            handoff.won(desk, number)
        case _:
            handoff.lost(desk, number, reason=reason or None)


def _finish(app: App, act: Act) -> None:
    detail = act.detail
    until = datetime.fromisoformat(detail["until"]) if detail.get("until") else None
    ending, facts = CallOutcome(detail["outcome"]), detail.get("facts") or {}
    tasks.done(act.subject, ending, until=until, facts=facts, by=act.by, **_common(app, act.at))


def come_in(app: App, acts: Sequence[Act], now: datetime) -> None:
    """Record what came in, in one transaction at `now`."""
    reports = [
        Report(
            Kind(act.what),
            act.at,
            touch=act.subject,
            grade=GRADES.get(act.what, Grade.HUMAN),
            detail=dict(act.detail),
        )
        for act in acts
    ]
    respond.record(reports, by="simulate", **_common(app, now))
