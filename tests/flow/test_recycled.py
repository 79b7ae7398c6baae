"""A lead that sales gave back: its history stays, and nobody is sent the same e-mail twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nurture.domain.enrollment import Enrollment
from nurture.domain.lead import Lead
from nurture.domain.response import Kind
from nurture.flow import enroll, handoff, promote
from nurture.flow.respond import Report
from tests.builders import a_company, a_lead
from tests.flow.loop import Loop, a_cadence, a_loop, in_force

PEOPLE = (
    "- {name: Lee, email: lee@acme.example, roles: [rep]}\n- {name: Sam, email: sam@acme.example, roles: [manager]}"
)
READINESS = """
promote: {when: fit >= 20 and replied(), human_evidence_within: 30 days}
reject: {bad_timing: {return: 90 days, into: INTO}}
lost: {no_decision: {return: 6 months, into: INTO}}
"""
SCORING = "fit:\n  - {points: 25, when: employees >= 200, because: large enough}\n"
GUIDE = "shared/guide"
CADENCES = {
    "course": a_cadence(f"- email: note\n- email: {GUIDE}\n- wait: 10 days\n- email: other\n- wait: 9 days"),
    "not-now": a_cadence(
        f"- email: {GUIDE}\n- wait: 1 day\n- email: back\n- wait: 1 day\n- email: monthly\n  repeat: true",
        name="not-now",
    ),
    "early": a_cadence("- wait: 1 day", name="early", more="enroll: {when: fit >= 20}\nexclusive: false\n"),
}


def mails(loop: Loop, lead: Lead) -> list[str]:
    """What the lead was sent, in order."""
    sent = sorted((one for one in loop.touches(lead) if one.sent_at), key=lambda one: (one.sent_at, one.step))
    return [str(one.template) for one in sent]


def enrolled(loop: Loop, lead: Lead, cadence: str) -> list[Enrollment]:
    """The enrollments of the lead in one cadence."""
    with loop.store.unit(write=False) as work:
        return work.enrollments.select(lead=lead.id, cadence=cadence)


@pytest.mark.parametrize(
    ("into", "ended", "later"),
    [
        ("not-now", "rejected", ["not-now/back", "not-now/monthly"]),
        ("not-now", "lost", ["not-now/back", "not-now/monthly"]),
        ("course", "rejected", ["course/other"]),  # the very cadence that it was in goes on with what is new
    ],
)
def test_a_recycled_lead_gets_no_mail_that_it_had_and_keeps_its_history(
    tmp_path: Path, into: str, ended: str, later: list[str]
) -> None:
    files = {"people.yaml": PEOPLE, "readiness.yaml": READINESS.replace("INTO", into), "scoring.yaml": SCORING}
    with a_loop(tmp_path, "- wait: 1 day") as loop:
        loop.rules = in_force(CADENCES, files)
        common: dict[str, Any] = {"new_id": loop.clock.new_id, "by": "lee@acme.example"}
        with loop.store.unit() as work:
            lead = a_lead(work, company=a_company(work, employees=400), fit=25.0)
            work.commit()
        loop.enroll(lead)
        loop.ticks(timedelta(days=1))
        assert mails(loop, lead) == ["course/note", GUIDE]
        loop.report(Report(Kind.REPLY, loop.now, lead.id, detail={"intent": "interested"}))
        promote.run(**loop.common, **common)
        desk = handoff.Desk(**loop.common, **common)
        with loop.store.unit(write=False) as work:
            (offer,) = work.sales.handoffs(lead=lead.id)
        if ended == "rejected":
            handoff.reject(desk, offer["id"], "bad_timing")
        else:
            handoff.accept(desk, offer["id"])
            handoff.lost(desk, offer["id"], reason="no_decision")
        enroll.tonight(store=loop.store, rules=loop.rules, now=loop.now)
        enroll.run(**loop.common)
        assert enrolled(loop, lead, "early") == []  # until its date nothing enrolls it
        loop.clock.advance(days=200)
        assert handoff.returns(handoff.Desk(**loop.common, **common)) == 1
        loop.ticks(timedelta(days=20))
        assert mails(loop, lead) == ["course/note", GUIDE, *later]
        skipped = [one for one in loop.touches(lead) if one.reason == "already_had"]
        assert {one.template for one in skipped} == ({GUIDE} if into == "not-now" else {"course/note", GUIDE})
        with loop.store.unit(write=False) as work:
            told = [one.what for one in work.notes.of_lead(lead.id)]
            assert len(work.responses.of_leads([lead.id])[lead.id]) == 1
        assert {"promoted", "offered", ended, "returned"} <= set(told)
        enroll.run(**loop.common)
        assert len(enrolled(loop, lead, "early")) == 1
