"""Why a lead is with sales, or is not yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from nurture.domain.lead import Lead, Status
from nurture.domain.promotion import CallNow, Code, Keep, Missing, Promote
from nurture.domain.readiness import Readiness
from nurture.domain.routing import SAME_REP
from nurture.flow.why.answer import PEOPLE, READINESS, Because
from nurture.moves.handing_over import SAID_NO, judged
from nurture.moves.scene import Scene
from nurture.ports import Unit

WAITS = {
    Code.NO_REP.value: "no rep in people.yaml takes it",
    Code.CAPACITY.value: "every rep who takes it has as many as they can",
    Code.SAME_REP.value: "the reps who take it had it already",
}


def of_promotion(work: Unit, scene: Scene, lead: Lead) -> list[Because]:
    """Where a lead stands with sales, or everything that is missing for it."""
    rows = work.sales.handoffs(lead=lead.id)
    last = rows[-1] if rows else None
    if lead.status is not Status.NURTURING:
        state = str(last["state"]) if last is not None else lead.status.value
        to = "to" if lead.status is Status.OFFERED else "with"
        rep = f" {to} {last['rep']}" if last is not None and last["rep"] else ""
        text = f"The lead is {lead.status.replace('_', ' ')}{rep}."
        return [Because("promotion", state, text, clears_at=last["due_at"] if last is not None else None)]
    readiness = scene.rules.workspace.readiness
    if last is not None and last["state"] == "queued":
        return [_queued(work, readiness, lead, last)]
    match judged(work, scene, lead):
        case Promote(why=reasons):
            text = f"Ready for sales, offered with the next pass: {'; '.join(reasons)}."
            return [Because("promotion", "promote", text, f"{READINESS}:{readiness.promote_line or 1}")]
        case CallNow(why=reasons):
            text = f"To be called at once: {'; '.join(reasons)}."
            return [Because("promotion", "call_now", text, f"{READINESS}:{readiness.fast_line or 1}")]
        case Keep(missing=missing):
            because = str(work.leads.columns(lead.id).get("returns_because") or "")
            return [_kept(_placed(one, readiness, because)) for one in missing]


def _placed(one: Missing, readiness: Readiness, because: str) -> Missing:
    """With the rule that set the date, where a dated return holds it back."""
    rule = readiness.reject.get(because) or readiness.lost.get(because)
    return replace(one, line=rule.line) if one.code is Code.RETURNING and rule is not None else one


def _kept(one: Missing) -> Because:
    place = f"{READINESS}:{one.line or 1}"
    return Because("promotion", one.code.value, one.text, place, missing=one.names, clears_at=one.clears_at)


def _queued(work: Unit, readiness: Readiness, lead: Lead, row: Mapping[str, Any]) -> Because:
    code = str(row["reason"] or "queued")
    place = f"{READINESS}:{readiness.capacity_line or 1}" if code == Code.CAPACITY.value else f"{PEOPLE}:1"
    clears_at: datetime | None = None
    if code == Code.SAME_REP.value:
        ended = [one["ended_at"] for one in work.sales.handoffs(lead=lead.id, states=SAID_NO) if one["ended_at"]]
        clears_at = min(ended) + SAME_REP if ended else None
    text = f"Ready for sales, and waits for a rep: {WAITS.get(code, 'the next pass offers it')}."
    return Because("promotion", code, text, place, clears_at=clears_at)
