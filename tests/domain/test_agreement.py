"""One change to the agreement: proposed only where it is no luck, keeps enough away, and costs less than it saves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from nurture.domain.agreement import Offered, backtest, changes, proposal
from nurture.domain.readiness import Readiness
from tests.fakes import A_TUESDAY

AGREED = Readiness(require=("budget",))


def leads(
    count: int, *, rejected: bool, known: frozenset[str] = frozenset(), age: int = 1, **names: Any
) -> list[Offered]:
    """So many leads that were offered, of whom this was known and whose last sign was so many days old."""
    every = {"phone": "1", "title": "x", "industry": "x", "employees": 1, "revenue": 1, "country": "US", "company": "x"}
    known |= {"timeline", "people", "drivers", "events", "pain_points", "hot_buttons", "competitors", "next_step"}
    known |= {"current_solution", "budget_process"}
    seen = A_TUESDAY - timedelta(days=age)
    one = Offered(every | names, known, seen, A_TUESDAY, rejected=rejected, accepted=not rejected)
    return [one] * count


def words(past: list[Offered]) -> str | None:
    found = proposal(past, AGREED)
    return found.change.words if found is not None else None


def test_what_all_rejects_lack_is_required_if_enough_of_them_do_and_luck_does_not_explain_it() -> None:
    good = leads(20, rejected=False)
    assert words(good + leads(9, rejected=True, phone=None)) == "Requiring a phone"
    assert words(good + leads(4, rejected=True, phone=None)) is None, "too few"
    assert words(leads(2, rejected=False) + leads(7, rejected=True, phone=None)) is None, "of so few it may be luck"
    assert words(good + leads(9, rejected=True)) is None, "nothing tells them from the rest"


def test_a_wanted_lead_weighs_as_much_as_two_rejected_ones() -> None:
    wanted = leads(60, rejected=False)
    rejected = leads(9, rejected=True, phone=None)
    assert words(wanted + leads(4, rejected=False, phone=None) + rejected) == "Requiring a phone"
    assert words(wanted + leads(5, rejected=False, phone=None) + rejected) is None


def test_of_two_changes_the_one_worth_more_is_proposed() -> None:
    past = leads(40, rejected=False) + leads(9, rejected=True, phone=None) + leads(14, rejected=True, age=20)
    found = proposal(past, AGREED)
    assert found is not None
    assert (found.change.words, found.dropped, found.lost) == ("Asking for a sign of a person within 7 days", 14, 0)


def test_a_fact_is_lacking_where_it_was_not_known_on_the_day_and_the_sentence_counts() -> None:
    lacking = [
        Offered(
            one.names, one.known - {"people"}, one.evidence_at, one.at, rejected=one.rejected, accepted=one.accepted
        )
        for one in (*leads(1, rejected=False), *leads(9, rejected=True))
    ]
    past = leads(40, rejected=False) + lacking
    (change,) = (one for one in changes(past, AGREED) if one.words == "Requiring people")
    assert backtest(change, past).sentence == (
        "Requiring people would have lost 1 lead, 1 of them accepted, and dropped 9 of 9 rejects."
    )
