"""Was it a person who opened or clicked? Judged with all else that is known of the mail, and again when more is known.

A scanner's burst may arrive in pieces, a delivery may be reported after the click, and rules change: the stored verdict
follows, with the ledger and the score of the lead. What a verdict has set in motion (a branch taken) stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from nurture.domain import scoring
from nurture.domain.machines import Hit, Verdict, judge_hit
from nurture.domain.response import Grade, Kind, Response
from nurture.moves.followed import SHARED_WITHIN, Followed
from nurture.moves.rescore import ledger_again, rescore
from nurture.moves.scene import load
from nurture.ports.store import Change, StoredResponse

if TYPE_CHECKING:
    from nurture.domain.lead import LeadId
    from nurture.domain.policy import Policy
    from nurture.domain.touch import Touch, TouchId
    from nurture.ports import InForce, Unit

HITS: Final = frozenset({Kind.OPEN, Kind.CLICK})
BEARS_ON_HITS: Final = HITS | {Kind.DELIVERED}
LONGEST_AGENT: Final = 300


@dataclass(frozen=True, slots=True)
class Regraded:
    """A response whose verdict changed."""

    response: int
    lead: LeadId | None
    touch: TouchId | None
    kind: Kind
    at: datetime
    was: Grade
    now: Grade
    why: str


def seen(hit: Hit, *, machine: bool | None = None) -> dict[str, Any]:
    """What a response keeps of a hit, so that it can be judged again. `machine`: the provider's own word."""
    detail: dict[str, Any] = {"user_agent": hit.user_agent[:LONGEST_AGENT]}
    detail |= {name: value for name, value in (("url", hit.url), ("ip", hit.ip)) if value}
    if hit.method != "GET":
        detail["method"] = hit.method
    return detail if machine is None else {**detail, "machine": machine}


def hit_of(one: Response) -> Hit | None:
    """The hit that a response was; None for one that a person entered: what they saw is not judged."""
    if one.kind not in HITS or "user_agent" not in one.detail:
        return None
    detail = one.detail
    agent, ip, method = str(detail["user_agent"]), str(detail.get("ip") or ""), str(detail.get("method") or "GET")
    url = one.url if one.kind is Kind.CLICK else ""
    return Hit(one.at, url, ip, agent, method, is_trap(url))


def is_trap(url: str) -> bool:
    """Our own unsubscribe and preference links: following them shows no interest in what the mail says."""
    return urlsplit(url).path.startswith(("/u/", "/p/")) if url.startswith("http") else False


def judged(
    kind: Kind,
    hit: Hit,
    *,
    delivered_at: datetime | None,
    others: Collection[Hit],
    people: int = 1,
    machine: bool | None = None,
) -> Verdict:
    """Who opened or clicked. `people`: to how many of them the mails went that were followed from this address."""
    verdict = judge_hit(
        hit,
        delivered_at=delivered_at,
        others=others,
        recipients_of_ip=people,
        provider_says=machine if kind is Kind.OPEN else None,
    )
    if kind is Kind.OPEN and machine is None and verdict.grade is Grade.HUMAN:
        return Verdict(Grade.LIKELY_MACHINE, ("the provider does not say whether a machine opened it",))
    return verdict


def delivered(touch: Touch | None, heard: Collection[Response]) -> datetime | None:
    """When a mail was delivered: as reported, else when it was sent."""
    reported = min((one.at for one in heard if one.kind is Kind.DELIVERED), default=None)
    return reported or (touch.sent_at if touch is not None else None)


def regrade(
    work: Unit,
    touches: Collection[TouchId],
    *,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
    because: str,
    context: Mapping[TouchId, Sequence[Hit]] | None = None,
) -> list[Regraded]:
    """Judge the stored opens and clicks of mails again; the changes, with the scores that follow from them.

    `context`: hits of the same mails that have arrived and are not stored yet. The caller commits.
    """
    changed = list(_changed(work, touches, context or {}))
    for one in changed:
        work.responses.judge(one.response, {"grade": one.now.value, "why": one.why})
    leads = {one.lead for one in changed if one.lead is not None and one.was is not one.now}
    score_again(work, leads, rules=rules, policy=policy, now=now, by=by, because=because)
    words = "{kind} of {at:%Y-%m-%d %H:%M} judged again: {was}, now {now}"
    work.notes.add(
        [
            Change(
                "regraded",
                words.format(kind=one.kind, at=one.at, was=_said(one.was), now=_said(one.now)),
                now,
                by=by,
                lead=one.lead,
                detail={"response": one.response, "because": because},
            )
            for one in changed
            if one.was is not one.now
        ]
    )
    return changed


def score_again(
    work: Unit, leads: Collection[LeadId], *, rules: InForce, policy: Policy, now: datetime, by: str, because: str
) -> None:
    """Write the ledger of leads anew from their responses as they are judged now, and what follows from the sum."""
    if not leads:
        return
    work.touches.lock_for_limits(leads, ())
    scene = load(work, leads, rules=rules, policy=policy, now=now)
    lines = ledger_again(work, sorted(leads), scene)
    work.responses.replace_lines(lines)
    points = rules.workspace.scoring
    sums = {lead: scoring.added({}, [line for _, line in made], points) for lead, made in lines.items()}
    rescore(work, leads, scene, sums=sums, by=by, because=because)


def _changed(work: Unit, touches: Collection[TouchId], context: Mapping[TouchId, Sequence[Hit]]) -> Iterator[Regraded]:
    """The verdicts that are others now, of these mails and of those that were followed from the same addresses."""
    heard = {touch: many for touch, many in work.responses.of_touches(touches).items() if _has_hits(many)}
    followed = _followed(work, heard, context)
    others = followed.swayed_by(heard)
    if others:  # theirs came from other addresses as well
        heard |= work.responses.of_touches(others)
        followed = _followed(work, heard, context)
    made = work.touches.get(heard)
    for touch, many in heard.items():
        responses = [one.response for one in many]
        hits = [hit for one in responses if (hit := hit_of(one)) is not None] + list(context.get(touch, ()))
        delivered_at = delivered(made.get(touch), responses)
        for one in many:
            hit = hit_of(one.response)
            if hit is None:
                continue
            machine = one.response.detail.get("machine")
            kind, was = one.response.kind, one.response.grade
            verdict = judged(
                kind,
                hit,
                delivered_at=delivered_at,
                others=hits,
                people=followed.people_behind(hit),
                machine=machine if isinstance(machine, bool) else None,
            )
            why = "; ".join(verdict.why)
            if (verdict.grade, why) != (was, one.response.why):
                yield Regraded(one.id, one.response.lead, touch, kind, one.response.at, was, verdict.grade, why)


def _has_hits(many: Iterable[StoredResponse]) -> bool:
    return any(one.response.kind in HITS for one in many)


def _followed(
    work: Unit, heard: Mapping[TouchId, Sequence[StoredResponse]], context: Mapping[TouchId, Sequence[Hit]]
) -> Followed:
    """Every link that was followed from the network addresses of these mails' clicks, at about their time."""
    own = [hit for many in heard.values() for one in many if (hit := hit_of(one.response)) and hit.ip and hit.url]
    found = [(hit, touch) for touch, many in context.items() for hit in many]
    addresses = {hit.ip for hit in own}
    for since, until in _around(hit.at for hit in own):
        for one in work.responses.clicks(since, until):
            hit = hit_of(one)
            if hit is not None and one.touch is not None and hit.ip in addresses:
                found.append((hit, one.touch))
    return Followed(found)


def _around(moments: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """The spans of time around moments, those that overlap made one."""
    spans: list[tuple[datetime, datetime]] = []
    for at in sorted(moments):
        if spans and at - SHARED_WITHIN <= spans[-1][1]:
            spans[-1] = (spans[-1][0], at + SHARED_WITHIN)
        else:
            spans.append((at - SHARED_WITHIN, at + SHARED_WITHIN))
    return spans


def _said(grade: Grade) -> str:
    return grade.replace("_", " ")
