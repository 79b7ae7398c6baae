"""What a demo came to: read from the workspace after the last pass, and held against what the mail server counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from nurture.daemon.demo.year import Lived
from nurture.domain import calendar
from nurture.domain.handoff import State as Handoff
from nurture.domain.lead import Lead, LeadId, Stage
from nurture.domain.response import CONVERSATIONS, Bounce, Grade, Kind, Response
from nurture.domain.touch import Channel, Reason, State, Touch
from nurture.flow import sources as judged
from nurture.ports import Unit

_MADE: Final = frozenset({State.SENT, State.DONE})
_STEPS: Final = ("leads", "contacted", "responded", "near_term", "accepted", "won")


@dataclass(frozen=True, slots=True)
class Accounting:
    """Every touch, once: created is the sum over its states, and sent is what the mail server received."""

    created: int
    by_state: Mapping[str, int]
    sent: int  # mails in the state `sent`
    received: int  # different mails to leads that the server took
    twice: int  # mails that the server took more than once
    to_sales: int  # briefs and alerts, which are no touches

    @property
    def holds(self) -> bool:
        """Whether nothing was lost and nothing happened twice."""
        return self.created == sum(self.by_state.values()) and self.sent == self.received and not self.twice

    @property
    def sentence(self) -> str:
        """In words."""
        states = " + ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in self.by_state.items())
        verdict = "It adds up." if self.holds else "IT DOES NOT ADD UP."
        return (
            f"{self.created:,} touches created = {states}; {self.sent:,} mails sent = {self.received:,} received by "
            f"the mail server, {self.twice} of them twice. {verdict}"
        )


@dataclass(frozen=True, slots=True)
class Promoted:
    """A lead that went to sales."""

    lead: str
    name: str
    title: str
    company: str
    at: datetime
    why: str
    rep: str
    answer: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """All that a demo shows. `months` are YYYY-MM in the workspace's zone; the rows of tables are in that order."""

    seed: int
    leads: int
    days: int
    start: datetime
    end: datetime
    passes: int
    funnel: tuple[tuple[str, int], ...]
    stages: Mapping[str, int]
    months: tuple[str, ...]
    touches: Mapping[str, tuple[int, ...]]  # by channel, for each month
    responses: Mapping[str, int]
    promoted: tuple[Promoted, ...]
    answers: Mapping[str, int]
    sources: tuple[Mapping[str, Any], ...]
    won: Mapping[str, float]  # by currency
    accounting: Accounting
    warnings: tuple[str, ...]
    brief: Mapping[str, Any] | None = field(default=None)


def read(lived: Lived, *, seed: int) -> Numbers:
    """Count everything."""
    app = lived.app
    with app.store.unit(write=False) as work:
        reached = work.reports.reached()
        people = {lead.id: lead for lead in work.leads.search(None, now=lived.end)}
        handoffs = work.sales.handoffs()
        touches = work.touches.select()
        counts = work.touches.count_by_state()
        heard = [one.response for one in work.responses.stored()]
        ever_long = {one.lead for one in work.notes.select(what="stage") if one.detail.get("to") == Stage.LONG_TERM}
        promoted, brief = _promoted(work, people, handoffs)
        warnings = _warnings(work, lived, touches)
    months, by_channel = _by_month(touches, lived)
    far = {step: sum(getattr(one, step) for one in reached) for step in _STEPS}
    sources = judged.sources(store=app.store, rules=app.rules.in_force(), now=lived.end)
    stages = Counter(lead.stage.value for lead in people.values())
    return Numbers(
        seed=seed,
        leads=len(people),
        days=(lived.end - lived.start).days,
        start=lived.start,
        end=lived.end,
        passes=lived.passes,
        funnel=(
            ("Leads", far["leads"]),
            ("Contacted", far["contacted"]),
            ("Responded", far["responded"]),
            ("Near-term", far["near_term"]),
            ("Promoted", len({one.lead for one in promoted})),
            ("Accepted by sales", far["accepted"]),
            ("Won", far["won"]),
        ),
        stages={
            "unknown": stages["unknown"],
            "long_term": stages["long_term"],
            "near_term": stages["near_term"],
            "ever_long_term": len(ever_long),
        },
        months=months,
        touches=by_channel,
        responses=_responses(heard),
        promoted=promoted,
        answers=dict(sorted(Counter(row["state"] for row in handoffs).items())),
        sources=tuple(sources),
        won=_won(handoffs),
        accounting=_account(counts, touches, lived),
        warnings=warnings,
        brief=brief,
    )


def _by_month(touches: Sequence[Touch], lived: Lived) -> tuple[tuple[str, ...], dict[str, tuple[int, ...]]]:
    """Touches that were made, by month and channel; a month without any is shown too."""
    zone = calendar.zone(lived.app.policy.timezone)
    made: dict[str, Counter[str]] = defaultdict(Counter)
    for one in touches:
        if one.state in _MADE and one.sent_at is not None:
            made[one.channel.value][f"{one.sent_at.astimezone(zone):%Y-%m}"] += 1
    months = []
    year, month = lived.start.year, lived.start.month
    while f"{year}-{month:02}" <= f"{lived.end.astimezone(zone):%Y-%m}":
        months.append(f"{year}-{month:02}")
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    if months and not any(counts[months[-1]] for counts in made.values()):
        months.pop()
    order = [channel.value for channel in Channel if channel.value in made]
    return tuple(months), {name: tuple(made[name][month] for month in months) for name in order}


def _responses(heard: Sequence[Response]) -> dict[str, int]:
    """Responses by kind, the most frequent first; of calls the conversations; clicks of machines for themselves."""
    counted: Counter[str] = Counter()
    machines = 0
    for one in heard:
        if one.kind is Kind.CLICK and one.grade is not Grade.HUMAN:
            machines += 1
        elif one.kind is not Kind.CALL or one.outcome in CONVERSATIONS:
            counted[one.kind.value] += 1
    found = dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))
    return found | ({"machine_click": machines} if machines else {})


def _promoted(
    work: Unit, people: Mapping[LeadId, Lead], handoffs: Sequence[Mapping[str, Any]]
) -> tuple[tuple[Promoted, ...], Mapping[str, Any] | None]:
    """The promotions in order, with the latest answer of sales; and the brief of the best that was accepted."""
    latest: dict[int, Mapping[str, Any]] = {row["promotion_id"]: row for row in handoffs}
    found = []
    best: tuple[float, Mapping[str, Any]] | None = None
    for number in sorted({row["lead_id"] for row in handoffs}):
        lead = people.get(number)
        if lead is None:
            continue
        for promotion in work.sales.promotions_of(number):
            row = latest.get(promotion["id"])
            if row is None:
                continue
            found.append(
                Promoted(
                    str(number),
                    lead.name,
                    lead.title or "",
                    lead.company.name if lead.company else "",
                    promotion["at"],
                    str(promotion["why"]),
                    str(row["rep"] or ""),
                    _answer(row),
                )
            )
            rank = (row["state"] in (Handoff.WON, Handoff.ACCEPTED)) * 1_000 + float(promotion["value"])
            if best is None or rank > best[0]:
                best = (rank, promotion["brief"])
    return tuple(sorted(found, key=lambda one: (one.at, one.lead))), best[1] if best else None


def _answer(row: Mapping[str, Any]) -> str:
    words = str(row["state"])
    if row["amount"]:
        words += f", {row['amount']:,.0f} {row['currency']}"
    elif row["reason"]:
        words += f": {str(row['reason']).replace('_', ' ')}"
    if row["return_at"]:
        words += f", back on {row['return_at']:%Y-%m-%d}"
    return words


def _won(handoffs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    values: Counter[str] = Counter()
    for row in handoffs:
        if row["state"] == Handoff.WON and row["amount"]:
            values[row["currency"]] += row["amount"]
    return dict(sorted(values.items()))


def _account(counts: Mapping[State, int], touches: Sequence[Touch], lived: Lived) -> Accounting:
    ours = {one.message_id for one in touches if one.message_id}
    taken = lived.market.message_ids
    return Accounting(
        created=len(touches),
        by_state={state.value: counts[state] for state in State if counts.get(state)},
        sent=sum(one.channel is Channel.EMAIL and one.state is State.SENT for one in touches),
        received=len(ours & taken.keys()),
        twice=sum(count - 1 for count in taken.values()),
        to_sales=lived.received - sum(count for name, count in taken.items() if name in ours),
    )


# What is worth telling ---------------------------------------------------------------------------------------------


def _warnings(work: Unit, lived: Lived, touches: Sequence[Touch]) -> tuple[str, ...]:
    """What an operator would want to know, in sentences."""
    waiting = Counter(one.reason for one in touches if one.state is State.PLANNED and one.reason)
    skipped = Counter(one.reason for one in touches if one.state is State.SKIPPED and one.reason)
    heard = [one.response for one in work.responses.stored()]
    mails = sum(one.channel is Channel.EMAIL and one.state is State.SENT for one in touches)
    bounced = sum(one.kind is Kind.BOUNCE and one.detail.get("bounce") == Bounce.HARD for one in heard)
    left = sum(one.kind in (Kind.UNSUBSCRIBE, Kind.COMPLAINT) for one in heard)
    scanned = sum(one.grade is Grade.MACHINE and one.kind is Kind.CLICK for one in heard)
    expired = sum(one.state is State.EXPIRED for one in touches)
    idle = work.leads.get(work.leads.idle())
    alone = work.suppressions.scopes([lead.email for lead in idle.values() if lead.email])
    lost = sum("all" not in alone.get(lead.email or "", ()) for lead in idle.values())
    held = len(work.notes.select(what="first_wave_held"))
    found = [
        ("Rows of lists refused", len(lived.market.refused), "Each has its line and reason; the others went in."),
        ("Rows that named somebody known", lived.market.merged, "Updated, never a second lead."),
        ("E-mails that wait", waiting[Reason.NO_CONSENT], "No basis for e-mail is recorded; calls go on."),
        ("E-mails held after their first 20", held, "Somebody looked, and let them go on the next morning."),
        ("Touches not made for the held-out leads", skipped[Reason.HOLDOUT], "So that the effect can be measured."),
        ("Touches without a usable number or address", skipped[Reason.NO_ADDRESS], "Skipped."),
        ("Touches to addresses that must not be contacted", skipped[Reason.SUPPRESSED], "Skipped."),
        ("Hard bounces", bounced, f"{_of(bounced, mails)}Those addresses get no more mail."),
        ("Unsubscribes and complaints", left, f"{_of(left, mails)}Everything stopped at once."),
        ("Clicks of mail filters", scanned, "Kept, and they changed nothing."),
        ("Tasks not done in time", expired, "They expired, and their cadences went on."),
        ("Mails that wait for a person", len(work.notes.inbox()), "See: nurture inbox list"),
        ("Leads without a next thing", lost, "See: nurture lead list --idle"),
    ]
    return tuple(f"{what}: {count:,}. {words}" for what, count, words in found if count)


def _of(part: int, whole: int) -> str:
    return f"That is {100 * part / whole:.1f} % of the mails. " if whole else ""
