"""report: as a table, as JSON, as CSV, as a page."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from nurture.domain.lead import LeadId
from nurture.wiring import open_app
from tests.commands.conftest import Nurture
from tests.fakes import A_TUESDAY

REPORTS = ("sources", "funnel", "cadences", "limits", "handoffs")
OF_THE_CONTRACT = {
    *("source", "leads", "contacted", "near_term", "offered", "accepted", "rejected", "won", "value", "cost"),
    *("currency", "cost_per_lead", "cost_per_accepted", "cost_per_won", "return", "low", "high", "verdict"),
}


def test_sources_have_the_keys_of_the_contract_and_count_every_lead(nurture: Nurture, ada: str) -> None:
    rows = nurture("report", "sources", "--json").json
    assert all(row.keys() >= OF_THE_CONTRACT for row in rows)
    found = {row["source"]: (row["leads"], row["verdict"]) for row in rows if row["leads"]}
    assert found == {"website": (2, "too few")}
    said = {row["source"]: row["reliability"] for row in rows}
    assert (said["website"], said["partner-list-2026"]) == (0.9, 0.4)


def test_a_source_is_judged_in_words_and_its_statistics_are_a_footnote(nurture: Nurture, ada: str) -> None:
    said = nurture("report", "sources").out
    assert "too few" in said
    assert "website: 0 of 2 accepted; from so many one may expect 0% to 66%." in said
    assert "100%" in nurture("report", "funnel").out


def test_a_funnel_begins_with_all_leads(nurture: Nurture, ada: str) -> None:
    assert nurture("report", "funnel", "--json").json[0] == {
        "step": "leads",
        "leads": 2,
        "of_all": 1.0,
        "of_previous": None,
    }


def test_a_cadence_claims_no_lift_for_a_few_people(nurture: Nurture, ada: str) -> None:
    nurture("enroll", ada, "evergreen")
    row = next(row for row in nurture("report", "cadences", "--json").json if row["cadence"] == "evergreen")
    assert row["enrolled"] + row["held_out"] >= 1
    assert row["verdict"] in ("nobody held out", "too early")


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_a_table_a_csv_and_a_page(name: str, nurture: Nurture, ada: str, folder: Path) -> None:
    table = nurture("report", name)
    assert table.code == 0, table.err
    if name in ("sources", "funnel"):  # nothing that a terminal of 80 columns would break
        assert max(len(line.rstrip()) for line in table.out.splitlines()) <= 80
    spelled = csv.reader(io.StringIO(nurture("report", name, "--csv").out))
    header, *rows = spelled
    assert len(set(header)) == len(header)
    assert len(rows) == len(nurture("report", name, "--json").json)
    done = nurture("report", name, "--html", "page.html")
    assert (done.code, done.out) == (0, "")
    assert "page.html" in done.err
    page = (folder / "page.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "</html>" in page


def test_counts_by_name_are_words_in_a_csv(nurture: Nurture, ada: str, folder: Path) -> None:
    app = open_app(folder)
    with app.store.unit() as work:
        promotion = work.sales.promote(LeadId(1), at=A_TUESDAY, why="ready", brief={}, value=1.0)
        given = {"lead_id": 1, "promotion_id": promotion, "state": "rejected", "rep": "lee@acme.example"}
        work.sales.add_handoff({**given, "reason": "no_fit", "created_at": A_TUESDAY, "offered_at": A_TUESDAY})
        work.commit()
    app.close()
    (row,) = csv.DictReader(io.StringIO(nurture("report", "handoffs", "--csv").out))
    assert row["reasons"] == "no_fit 1"


def test_a_page_that_cannot_be_written_is_one_message(refused: Nurture) -> None:
    done = refused("report", "funnel", "--html", "nowhere/page.html")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("nurture: nowhere/page.html cannot be written")


def test_the_agreement_page_shows_what_is_agreed_and_proposes_nothing_without_a_past(
    nurture: Nurture, ada: str, folder: Path
) -> None:
    agreed = {"on": "2026-11-02", "by": ["Dana (marketing)", "Lee (sales)"]}
    assert nurture("report", "agreement", "--json").json == {"agreed": agreed, "months": [], "proposal": None}
    printed = nurture("report", "agreement").out
    assert "Agreed on 2026-11-02 by Dana (marketing), Lee (sales)." in printed
    assert "No change is proposed" in printed
    done = nurture("report", "agreement", "--html", "page.html")
    assert (done.code, done.out) == (0, "")
    page = (folder / "page.html").read_text("utf-8")
    assert "Agreed on " in page
    assert "human_evidence_within" in page
    assert nurture("report", "agreement", "--csv").out.startswith("month,promoted,")
