"""Outcomes of a CRM export: taken once, and what fits nothing of ours waits for a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from nurture.adapters.lead_files.deals import read_deals
from nurture.domain.errors import RequestError
from nurture.flow.handoff import Told, accept, returns, tell
from tests.builders import a_lead
from tests.flow.sales_floor import Floor, a_floor


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        yield made


def told(floor: Floor, folder: Path, text: str, currency: str = "") -> Told:
    """What a file with this text changes."""
    file = folder / "deals.csv"
    file.write_text(text, "utf-8")
    return tell(floor.desk, read_deals(file, currency=currency))


def inbox(floor: Floor) -> list[str]:
    """Why a person must look."""
    with floor.store.unit(write=False) as work:
        return [one["why"] for one in work.notes.inbox()]


def test_a_won_deal_of_an_export_is_won_with_its_date_and_value_and_only_once(floor: Floor, tmp_path: Path) -> None:
    lead, number = floor.offered(external_id="00Q1")
    floor.clock.advance(days=40)
    text = 'Lead ID,Stage,Close Date,Amount,Amount Currency\n00Q1,Closed Won,03/20/2026,"12,500.00",EUR\n'
    assert told(floor, tmp_path, text).changed == 1  # the rep accepted it in the CRM, and never told us
    row = floor.handoffs(lead)[-1]
    assert (row["id"], row["state"], row["amount"], row["currency"]) == (number, "won", 12500, "EUR")
    assert row["ended_at"].date() == date(2026, 3, 20)
    again = told(floor, tmp_path, text)
    assert (again.changed, again.unchanged, again.refused) == (0, 1, [])


def test_a_lost_deal_returns_when_agreed_counted_from_its_end(floor: Floor, tmp_path: Path) -> None:
    lead, number = floor.offered()
    accept(floor.desk, number)
    floor.clock.advance(days=60)
    text = f"email;stage;closed date;loss reason\n{lead.email};Closed Lost;2026-03-31;To competitor\n"
    assert told(floor, tmp_path, text).changed == 1
    assert floor.lead(lead)["returns_at"].date() == date(2026, 12, 31)
    floor.clock.advance(days=400)
    assert returns(floor.desk) == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("EMAIL,won,2026-03-20,100", "of which currency"),
        ("EMAIL,won,2026-13-45,100 EUR", "date '2026-13-45'"),
        ("EMAIL,won,2031-01-01,100 EUR", "still to come"),
        ("EMAIL,won,2025-01-01,100 EUR", "before it was offered"),
        ("EMAIL,lost,2026-03-03,,eaten by a shark", "is not an agreed reason"),
        ("EMAIL,rejected,2026-03-03,", "is not an agreed reason"),
        ("EMAIL,,,", "no outcome is given"),
        ("nobody@x.example,won,,", "is no lead of ours"),
        (",won,,", "names no handoff"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line_and_reason(floor: Floor, tmp_path: Path, line: str, says: str) -> None:
    lead, _ = floor.offered()
    cells = line.replace("EMAIL", lead.email or "") + "," * (4 - line.count(","))
    text = f"email,outcome,date,value,reason\n{cells}\n"
    ((number, why),) = told(floor, tmp_path, text).refused
    assert number == 2
    assert says in why
    assert floor.handed(lead)[-1][0] == "offered"


def test_a_win_of_a_lead_never_offered_waits_for_a_person_once(floor: Floor, tmp_path: Path) -> None:
    lead = a_lead(floor.store)
    for _ in range(2):
        ((_, why),) = told(floor, tmp_path, f"email,outcome,value\n{lead.email},won,10 EUR\n").refused
        assert "was never offered by us" in why
    (waits,) = inbox(floor)
    assert waits.startswith("The CRM says won")
    assert floor.lead(lead)["status"] == "nurturing"


def test_a_deal_that_goes_on_is_counted_and_changes_nothing(floor: Floor, tmp_path: Path) -> None:
    lead, _ = floor.offered()
    found = told(floor, tmp_path, f"email,stage\n{lead.email},Negotiation/Review\n")
    assert (dict(found.open_), found.changed, found.refused) == ({"Negotiation/Review": 1}, 0, [])
    assert floor.handed(lead)[-1][0] == "offered"


@pytest.mark.parametrize(("text", "says"), [("email,name\na@b.c,x\n", "became"), ("stage\nwon\n", "whose deal")])
def test_a_file_without_its_columns_is_refused_as_a_whole(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "deals.csv").write_text(text)
    with pytest.raises(RequestError, match=says):
        read_deals(tmp_path / "deals.csv")
