"""Who wins a message at the deadline: the sender that begins, or the caller that gives up."""

from __future__ import annotations

from nurture.adapters.mail.flight import Flight, Landed, verdicts
from nurture.domain.verdict import Again, Maybe, Yes
from tests.mail.messages import a_message


def flights_of(*touches: str) -> list[Flight]:
    return [Flight(a_message(touch)) for touch in touches]


def test_a_message_begins_once_and_never_after_it_was_withdrawn() -> None:
    begun, withdrawn = flights_of("t1", "t2")
    assert [begun.begin(), begun.begin(), begun.withdraw()] == [True, False, False]
    assert [withdrawn.withdraw(), withdrawn.begin()] == [True, False]


def test_at_the_deadline_what_began_is_a_maybe_and_the_rest_may_not_begin_any_more() -> None:
    flights = flights_of("done", "begun", "waiting")
    landed = Landed()
    landed.put(flights[0], Yes("1"))
    assert flights[1].begin()
    answers = dict(verdicts(flights, landed, deadline=10.0, boottime=iter([9.0, 10.0]).__next__))
    assert answers["done"] == Yes("1")
    assert isinstance(answers["begun"], Maybe)
    assert isinstance(answers["waiting"], Again)
    assert not flights[2].begin()


def test_an_answer_that_is_there_at_the_deadline_counts() -> None:
    flights = flights_of("t1")
    landed = Landed()
    landed.put(flights[0], Yes("1"))
    assert list(verdicts(flights, landed, deadline=10.0, boottime=lambda: 11.0)) == [("t1", Yes("1"))]


def test_a_machine_that_slept_through_the_deadline_does_not_wait_for_it_again() -> None:
    (flight,) = flights = flights_of("t1")
    assert flight.begin()
    ((_, verdict),) = verdicts(flights, Landed(), deadline=10.0, boottime=lambda: 1e6)
    assert isinstance(verdict, Maybe)


def test_what_has_not_begun_when_the_caller_stops_listening_never_begins() -> None:
    flights = flights_of("t1", "t2")
    landed = Landed()
    landed.put(flights[0], Yes("1"))
    answers = verdicts(flights, landed, deadline=10.0, boottime=lambda: 0.0)
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert not flights[1].begin()
