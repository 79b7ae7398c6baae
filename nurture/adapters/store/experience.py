"""The history of a workspace -> how people answered, as counts."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Connection, Select, distinct, func, select

from nurture.adapters.store.tables import facts, handoffs, responses, touches
from nurture.domain.experience import Counted, Experience
from nurture.domain.handoff import State as Handoff
from nurture.domain.response import CONVERSATIONS, Grade, Kind
from nurture.domain.touch import BY_PEOPLE, Channel, State

_MAIL = (touches.c.channel == Channel.EMAIL.value, touches.c.state.in_([State.SENT.value, State.UNKNOWN.value]))
# A bounce or an out-of-office note comes from a machine and is true all the same.
_TRUE = (responses.c.grade == Grade.HUMAN.value) | responses.c.kind.in_([Kind.BOUNCE.value, Kind.AUTO_REPLY.value])
_PAGES = 20  # the most visited
_NEWEST = 2_000  # delays that are looked at, for each kind


def experience_of(db: Connection) -> Experience:
    """What the rows of a database say."""
    mail = select(touches.c.cadence, touches.c.template, func.count()).where(*_MAIL)
    sent = {(row[0], row[1]): int(row[2]) for row in db.execute(mail.group_by(touches.c.cadence, touches.c.template))}
    answered: dict[tuple[str, str], dict[str, int]] = {}
    query = (
        select(touches.c.cadence, touches.c.template, responses.c.kind, func.count(distinct(touches.c.id)))
        .join(responses, responses.c.touch_id == touches.c.id)
        .where(*_MAIL, _TRUE, (responses.c.kind != Kind.BOUNCE.value) | (_said("bounce") == "hard"))
        .group_by(touches.c.cadence, touches.c.template, responses.c.kind)
    )
    for cadence, template, kind, count in db.execute(query):
        answered.setdefault((cadence, template), {})[kind] = int(count)
    done = select(touches.c.channel, touches.c.outcome, func.count()).where(
        touches.c.channel.in_([channel.value for channel in BY_PEOPLE]),
        touches.c.state.in_([State.DONE.value, State.EXPIRED.value]),
    )
    outcomes: dict[str, dict[str, int]] = {}
    for channel, outcome, count in db.execute(done.group_by(touches.c.channel, touches.c.outcome)):
        outcomes.setdefault(channel, {})[outcome or "expired"] = int(count)
    told = select(facts.c.name, func.count(distinct(facts.c.lead_id))).where(facts.c.source == "call")
    intents = select(_said("intent"), func.count()).where(responses.c.kind == Kind.REPLY.value, _TRUE)
    return Experience(
        mails={key: Counted(count, answered.get(key, {})) for key, count in sent.items()},
        delays=_delays(db),
        outcomes=outcomes,
        intents=_counts(db, intents.group_by(_said("intent"))),
        after_click=_after_click(db),
        clicks=sum(many.get(Kind.CLICK.value, 0) for many in answered.values()),
        offers=_offers(db),
        endings=_endings(db),
        told=_counts(db, told.group_by(facts.c.name)),
        conversations=sum(many.get(one.value, 0) for many in outcomes.values() for one in CONVERSATIONS),
    )


def _said(name: str) -> Any:
    """What the detail of a response says under a name, as text."""
    return responses.c.detail[name].as_string()


def _counts(db: Connection, query: Select[Any]) -> dict[str, int]:
    return {str(name): int(count) for name, count in db.execute(query) if name}


def _delays(db: Connection) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for kind in (Kind.CLICK, Kind.REPLY, Kind.UNSUBSCRIBE, Kind.COMPLAINT, Kind.BOUNCE, Kind.AUTO_REPLY):
        query = select(responses.c.at, touches.c.sent_at).join(touches, responses.c.touch_id == touches.c.id)
        query = query.where(responses.c.kind == kind.value, _TRUE, touches.c.sent_at.is_not(None))
        rows = db.execute(query.order_by(responses.c.id.desc()).limit(_NEWEST))
        found[kind.value] = sorted(max(0.0, (at - sent).total_seconds()) for at, sent in rows)
    return found


def _after_click(db: Connection) -> dict[str, int]:
    """What people did on the web, whether or not it can be traced to a mail: those who read are those who come."""
    found: Counter[str] = Counter()
    for kind, said in ((Kind.VISIT, "page"), (Kind.DOWNLOAD, "page"), (Kind.FORM, "intent")):
        query = select(_said(said), func.count()).where(responses.c.kind == kind.value, _TRUE).group_by(_said(said))
        for name, count in db.execute(query.order_by(func.count().desc(), _said(said)).limit(_PAGES)):
            found[f"{kind.value}:{name or ''}"] += int(count)
    return dict(found)


def _offers(db: Connection) -> dict[str, int]:
    states = [Handoff.ACCEPTED, Handoff.REJECTED, Handoff.EXPIRED, Handoff.WON, Handoff.LOST]
    query = select(handoffs.c.state, handoffs.c.reason, func.count()).where(handoffs.c.state.in_(states))
    found: Counter[str] = Counter()
    for state, reason, count in db.execute(query.group_by(handoffs.c.state, handoffs.c.reason)):
        if state == Handoff.REJECTED.value:
            found[f"rejected:{reason}"] += int(count)
        else:  # what was won or lost was accepted before
            found["expired" if state == Handoff.EXPIRED.value else "accepted"] += int(count)
    return dict(found)


def _endings(db: Connection) -> dict[str, int]:
    query = select(handoffs.c.state, handoffs.c.reason, func.count())
    query = query.where(handoffs.c.state.in_([Handoff.WON.value, Handoff.LOST.value]))
    return {
        state if state == Handoff.WON.value or not reason else f"lost:{reason}": int(count)
        for state, reason, count in db.execute(query.group_by(handoffs.c.state, handoffs.c.reason))
    }
