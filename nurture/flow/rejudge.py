"""Stored responses -> their verdicts again, after a rule of judging changed.

Opens and clicks are graded anew, replies and reports read anew from the mails as they came. Ledger and score follow.
What an old verdict has set in motion stays, and a person is told; only a wish to be left alone is obeyed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from nurture.domain.lead import Lead, LeadId
from nurture.domain.policy import Policy
from nurture.domain.response import Intent, Kind, Response
from nurture.domain.touch import Touch, TouchId
from nurture.moves.grading import hit_of, regrade, score_again
from nurture.moves.judging import about_whom, detail_of, judged
from nurture.moves.responding import Report, record_in
from nurture.ports import InForce, Store, Unit
from nurture.ports.incoming import MailReader
from nurture.ports.store import StoredResponse

BATCH: Final = 200  # mails, or responses, in one transaction
BECAUSE: Final = "judged again"
# What a verdict says of a mail; the rest of the detail is the mail itself.
VERDICT: Final = ("intent", "until", "sentence", "outcome", "successor", "left", "away", "bounce")


@dataclass(frozen=True, slots=True)
class Changed:
    """A response with another verdict than before; `was` and `now` in words: a kind with its intent, or a grade."""

    response: int
    lead: LeadId | None
    kind: Kind
    at: datetime
    was: str
    now: str
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many responses were judged again, how many mails are no longer kept, and what changed."""

    looked_at: int
    gone: int
    changed: tuple[Changed, ...]


def run(
    *,
    store: Store,
    reader: MailReader,
    rules: InForce,
    policy: Policy,
    new_id: Callable[[], str],
    now: datetime,
    by: str,
    since: datetime | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Judge the responses since a moment again, or all of them. A dry run changes nothing and finds the same."""
    with store.unit(write=False) as work:
        every = work.responses.stored(since=since)
    hits = [one for one in every if hit_of(one.response) is not None]
    mails = [one for one in every if one.response.detail.get("raw")]
    common: dict[str, Any] = {"rules": rules, "policy": policy, "now": now, "by": by}
    changed: list[Changed] = []
    names = sorted({one.response.touch for one in hits if one.response.touch})
    for start in range(0, len(names), BATCH):
        with store.unit() as work:
            found = regrade(work, names[start : start + BATCH], because=BECAUSE, **common)
            changed += [
                Changed(one.response, one.lead, one.kind, one.at, _words(one.was), _words(one.now), one.why)
                for one in found
                if one.was is not one.now
            ]
            if not dry_run:
                work.commit()
    gone = 0
    for start in range(0, len(mails), BATCH):
        with store.unit() as work:
            batch = mails[start : start + BATCH]
            bodies = work.responses.raw({str(one.response.detail["raw"]) for one in batch})
            gone += sum(str(one.response.detail["raw"]) not in bodies for one in batch)
            changed += _read_again(work, batch, bodies, reader, new_id, **common)
            if not dry_run:
                work.commit()
    return Outcome(len(hits) + len(mails), gone, tuple(changed))


def _read_again(
    work: Unit,
    batch: Sequence[StoredResponse],
    bodies: Mapping[str, bytes],
    reader: MailReader,
    new_id: Callable[[], str],
    *,
    rules: InForce,
    policy: Policy,
    now: datetime,
    by: str,
) -> Iterator[Changed]:
    leads = work.leads.get({one.response.lead for one in batch if one.response.lead is not None})
    touches = work.touches.get({one.response.touch for one in batch if one.response.touch is not None})
    wishes: list[Report] = []
    others: set[LeadId] = set()
    for one in batch:
        body = bodies.get(str(one.response.detail["raw"]))
        lead = leads.get(one.response.lead) if one.response.lead is not None else None
        if body is None or lead is None:
            continue
        after = _again(one.response, body, lead, touches, reader, policy)
        if after is None:
            continue
        values = {"kind": after.kind.value, "grade": after.grade.value, "why": after.why, "detail": after.detail}
        work.responses.judge(one.id, values)
        others.add(lead.id)
        if _alone(after) and not _alone(one.response):
            detail = {"via": "a mail that was judged again"}
            key = f"judged again|{one.id}"
            wishes.append(Report(Kind.UNSUBSCRIBE, one.response.at, lead.id, after.touch, detail=detail, key=key))
        else:
            _tell(work, one, after, lead, now)
        yield Changed(one.id, lead.id, after.kind, after.at, _said(one.response), _said(after), after.why)
    score_again(work, others, rules=rules, policy=policy, now=now, by=by, because=BECAUSE)
    if wishes:
        record_in(work, wishes, rules=rules, policy=policy, new_id=new_id, now=now, by=by)


def _again(
    was: Response, body: bytes, lead: Lead, touches: Mapping[TouchId, Touch], reader: MailReader, policy: Policy
) -> Response | None:
    """The response under the rules of today; None where they say the same, or that it is none at all."""
    mail = reader.read(body)
    verdict = judged(mail, lead, was.at, policy)
    if verdict.kind is None or (verdict.review is not None and was.kind is Kind.REPLY):
        return None  # a person has seen to it since, or will
    detail = detail_of(mail, verdict)
    if verdict.kind is Kind.BOUNCE:
        detail["bounce"] = about_whom(mail, touches.get(was.touch or ""), lead, verdict)[0].value
    same = (was.kind, was.grade, *(was.detail.get(name) for name in VERDICT))
    if same == (verdict.kind, verdict.grade, *(detail.get(name) for name in VERDICT)):
        return None
    kept = {name: value for name, value in was.detail.items() if name not in VERDICT}
    why = "; ".join(verdict.why)
    return Response(verdict.kind, was.at, was.lead, was.touch, verdict.grade, {**kept, **detail}, why)


def _alone(one: Response) -> bool:
    """Whether it is a wish to be left alone."""
    return one.kind in (Kind.UNSUBSCRIBE, Kind.COMPLAINT) or one.intent is Intent.UNSUBSCRIBE


def _tell(work: Unit, one: StoredResponse, after: Response, lead: Lead, now: datetime) -> None:
    was, said = _said(one.response), _said(after)
    work.notes.to_inbox(
        {
            "kind": "judged_again",
            "lead_id": lead.id,
            "at": now,
            "sender": lead.email or "",
            "subject": str(after.detail.get("subject") or ""),
            "text": str(after.detail.get("text") or ""),
            "why": f"It was taken for {was}, and is {said} by the rules of today. What followed then was not undone.",
            "key": f"judged again|{one.id}|{said}",
        }
    )


def _said(one: Response) -> str:
    what = one.detail.get("bounce") if one.kind is Kind.BOUNCE else one.detail.get("intent")
    return _words(one.kind) + (f" ({_words(str(what))})" if what else "")


def _words(code: str) -> str:
    return code.replace("_", " ")
