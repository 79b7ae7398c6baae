"""On what basis somebody is contacted: what is recorded is obeyed, what is missing is the policy's to decide."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nurture.domain.errors import RequestError
from nurture.domain.lead import Lead
from nurture.domain.response import Kind
from nurture.domain.touch import Channel, Reason, State
from nurture.flow import consents, leads, suppressing
from nurture.flow.consents import Consents
from nurture.flow.respond import Report
from tests.builders import a_lead, a_touch
from tests.flow.loop import Loop, a_loop

MAIL_THEN_CALL = """
- email: hello
- call: intro
  within: 5 days
- email: bye
"""


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    with a_loop(tmp_path, MAIL_THEN_CALL) as made:
        yield made


def record(loop: Loop, lead: Lead, basis: str, channel: str = "email", **more: Any) -> Consents:
    """A basis, by hand."""
    given: dict[str, Any] = {
        "source": "a call",
        "store": loop.store,
        "policy": loop.policy,
        "now": loop.now,
        "by": "dana",
    }
    return consents.record(lead.id, basis, channel=channel, **given, **more)


def test_mail_waits_for_a_basis_and_goes_once_there_is_one(loop: Loop) -> None:
    lead = a_lead(loop.store, consent=False)
    loop.enroll(lead)
    loop.tick()
    assert [(one.state, one.reason) for one in loop.touches()] == [(State.PLANNED, Reason.NO_CONSENT)]
    found = record(loop, lead, "opt_in", text="Yes, write to me.")
    assert [(one.consent.text, one.consent.source) for one in found.held] == [("Yes, write to me.", "a call")]
    loop.tick(minutes=1)
    assert loop.states()[0] == "hello sent"


@pytest.mark.parametrize(("basis", "days"), [("inquiry", 184), ("customer", 731)])
def test_a_canadian_lead_is_written_to_until_the_law_says_no(loop: Loop, basis: str, days: int) -> None:
    before, after = (a_lead(loop.store, consent=False, country="CA") for _ in range(2))
    record(loop, before, basis, at=loop.now - timedelta(days=days - 5))
    record(loop, after, basis, at=loop.now - timedelta(days=days + 5))
    loop.enroll(before, after)
    loop.tick()
    assert (loop.states(before)[0], loop.states(after)[0]) == ("hello sent", "hello planned")


@pytest.mark.parametrize(
    ("recorded", "sent"), [((), True), (("opt_in",), True), (("opt_in", "none"), False), (("none", "opt_in"), True)]
)
def test_a_policy_that_sends_without_a_basis_still_obeys_what_is_recorded(
    tmp_path: Path, recorded: tuple[str, ...], sent: bool
) -> None:
    with a_loop(tmp_path, "- email: hello", without_basis="send") as loop:
        lead = a_lead(loop.store, consent=False)
        for basis in recorded:
            record(loop, lead, basis)
        loop.enroll(lead)
        loop.tick()
        assert loop.states() == ["hello sent" if sent else "hello planned"]


def test_an_objection_stops_everything_and_no_later_basis_undoes_it(loop: Loop) -> None:
    lead = a_lead(loop.store, phone="+33155550100")
    loop.enroll(lead)
    loop.tick()
    record(loop, lead, "objection", "all")
    assert loop.enrollment(lead).state == "stopped"
    assert loop.states() == ["hello sent", "intro canceled"]
    record(loop, lead, "opt_in", "all")
    loop.enroll(lead)
    loop.ticks(timedelta(days=10))
    assert loop.states()[2:] == ["hello skipped", "intro skipped", "bye skipped"]


@pytest.mark.parametrize("how", ["objection", "none", "set", "suppress", "list", "call"])
def test_who_is_not_to_be_called_leaves_the_queue_at_once_and_the_mail_goes_on(loop: Loop, how: str) -> None:
    lead = a_lead(loop.store, phone="+33155550100")
    loop.enroll(lead)
    loop.tick()
    assert loop.states() == ["hello sent", "intro open"]
    common: dict[str, Any] = {"store": loop.store, "now": loop.now, "by": "dana"}
    if how in ("objection", "none"):
        record(loop, lead, how, "phone")
    elif how == "set":
        leads.set_values(lead.id, {"do_not_call": True}, by="dana", **loop.common)
    elif how == "suppress":
        leads.suppress(lead.id, scope="phone", reason="asked", **common)
    elif how == "list":
        suppressing.take([[lead.email or "", "phone"]], reason="list", **common)
    else:
        other = a_touch(loop.store, lead=lead, channel=Channel.CALL, state=State.OPEN, step="other", enrollment=None)
        loop.report(Report(Kind.CALL, loop.now, lead.id, other.id, detail={"outcome": "do_not_call"}))
    loop.tick(minutes=1)
    states = [state for state in loop.states() if not state.startswith("other")]
    assert states == ["hello sent", "intro canceled", "bye sent"]


def test_who_withdrew_the_basis_for_calls_before_is_not_called_and_gets_the_mail(loop: Loop) -> None:
    lead = a_lead(loop.store, phone="+33155550100")
    record(loop, lead, "none", "phone")
    loop.enroll(lead)
    loop.ticks(timedelta(days=1))
    assert loop.states() == ["hello sent", "intro skipped", "bye sent"]


@pytest.mark.parametrize(
    ("basis", "channel", "more"),
    [
        ("opt-out", "email", {}),
        ("opt_in", "fax", {}),
        ("opt_in", "email", {"at": datetime(2030, 1, 1, tzinfo=UTC)}),
        ("opt_in", "email", {"until": datetime(2020, 1, 1, tzinfo=UTC)}),
    ],
)
def test_what_cannot_be_a_basis_is_refused(loop: Loop, basis: str, channel: str, more: dict[str, Any]) -> None:
    lead = a_lead(loop.store, consent=False)
    with pytest.raises(RequestError):
        record(loop, lead, basis, channel, **more)
    assert not consents.of_lead(lead.id, store=loop.store, policy=loop.policy, now=loop.now).held
