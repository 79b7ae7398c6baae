"""The agreement page: one change that what was rejected suggests, each count as the database has it; none without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import text

from nurture.adapters.rules import YamlFiles
from nurture.adapters.store.unit import SqlStore
from nurture.commands.workspace import starter
from nurture.domain.agreement import backtest, changes
from nurture.domain.condition import parse
from nurture.domain.readiness import Readiness
from nurture.flow import agreement
from nurture.flow.agreement import Page
from nurture.moves.past import OFFERED as OFFERED_STATES
from nurture.moves.past import handed
from tests.builders import a_store
from tests.fakes import A_TUESDAY
from tests.flow.histories import a_history
from tests.flow.sales_floor import in_force

AGREED = """\
# What we agreed.
agreed: {on: 2026-01-02, by: [Dana, Lee]}
promote:
  when: stage == 'near_term'    # no more than that
  require: [people]
"""
READINESS = Readiness(promote_when=parse("stage == 'near_term'"), require=("people",))
OFFERED = "state in ('offered', 'accepted', 'rejected', 'won', 'lost', 'expired')"
COUNTS = f"""
select count(*) as offered,
       sum(case when h.state = 'rejected' then 1 else 0 end) as rejects,
       sum(case when h.state = 'rejected' and {{kept}} then 1 else 0 end) as dropped,
       sum(case when h.state <> 'rejected' and {{kept}} then 1 else 0 end) as lost,
       sum(case when h.state in ('accepted', 'won', 'lost') and {{kept}} then 1 else 0 end) as accepted
from handoffs h join leads l on l.id = h.lead_id join companies c on c.id = l.company_id where h.{OFFERED}
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with a_store(f"sqlite:///{tmp_path / 'nurture.db'}") as made:
        yield made


def checked(files: Mapping[str, str]) -> Readiness | None:
    """The changed file as the program reads it."""
    workspace, problems = YamlFiles(webhooks=frozenset(), senders=frozenset(), limits={}).read(files)
    return (
        None
        if [one for one in problems if one.file == "readiness.yaml" and one.severity == "error"]
        else (workspace.readiness)
    )


def page_of(store: SqlStore, cause: str, *, file: str = AGREED) -> Page:
    a_history(store, cause)
    with store.unit() as work:
        work.control.put_files({"readiness.yaml": file}, at=A_TUESDAY, by="test")
        work.commit()
    return agreement.page(store=store, rules=in_force(readiness=READINESS), now=A_TUESDAY, check=checked)


@pytest.mark.parametrize(
    ("cause", "kept", "removed", "added"),
    [
        ("no phone", "l.phone is null", "  require: [people]", "  require: [people, phone]"),
        (
            "education",
            "c.industry = 'education'",
            "  when: stage == 'near_term'    # no more than that",
            "  when: stage == 'near_term' and not industry == 'education'    # no more than that",
        ),
    ],
)
def test_a_planted_cause_is_found_and_every_count_is_that_of_the_database(
    store: SqlStore, cause: str, kept: str, removed: str, added: str
) -> None:
    page = page_of(store, cause)
    found = page.proposal
    assert found is not None
    with store.engine.connect() as db:
        counted = dict(db.execute(text(COUNTS.format(kept=kept))).one()._mapping)
    assert {name: getattr(found, name) for name in counted} == counted
    assert f"dropped {counted['dropped']} of {counted['rejects']} rejects" in found.sentence
    assert page.diff is not None
    body = [line for line in page.diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert body == [f"-{removed}", f"+{added}"]


def test_without_a_cause_nothing_is_proposed(store: SqlStore) -> None:
    page = page_of(store, "nothing")
    assert (page.proposal, page.diff) == (None, None)
    assert sum(row["rejected"] for row in page.months) > 10


def test_the_months_count_each_promotion_once_with_its_last_answer(store: SqlStore) -> None:
    page = page_of(store, "no phone")
    with store.engine.connect() as db:
        rows = db.execute(text("select strftime('%Y-%m', offered_at), state, count(*) from handoffs group by 1, 2"))
        counted = {(month, state): count for month, state, count in rows}
    assert {row["month"] for row in page.months} == {month for month, _ in counted}
    for row in page.months:
        mine = {state: count for (month, state), count in counted.items() if month == row["month"]}
        accepted = sum(mine.get(state, 0) for state in ("accepted", "won", "lost"))
        assert (row["promoted"], row["accepted"], row["rejected"], row["unanswered"]) == (
            *(sum(mine.values()), accepted, mine.get("rejected", 0)),
            mine.get("offered", 0),
        )
        assert sum(row["reasons"].values()) == row["rejected"]
        assert row["answer_hours"] == 3.0
    with store.engine.begin() as db:
        row_of = "select 1000, lead_id, promotion_id, 'kim@acme.example', 'accepted', created_at, offered_at"
        columns = "id, lead_id, promotion_id, rep, state, created_at, offered_at"
        db.execute(text(f"insert into handoffs ({columns}) {row_of} from handoffs where id = 1"))
        db.execute(text("update handoffs set state = 'expired' where id = 1"))
    again = agreement.page(store=store, rules=in_force(readiness=READINESS), now=A_TUESDAY, check=checked)
    assert again.offered == page.offered


def test_every_change_that_is_tried_can_be_made_in_the_starter_file_and_means_what_it_says(store: SqlStore) -> None:
    lines = starter("readiness.yaml").read_text("utf-8").partition("# Why sales may say no")[0].splitlines(True)
    file = "".join(line for line in lines if "if_missing" not in line)  # no cadences here
    readiness = checked({"readiness.yaml": file})
    assert readiness is not None
    a_history(store, "no phone", count=40)
    with store.unit(write=False) as work:
        past = [
            agreement._offered(one, in_force().workspace.scoring, readiness)
            for one in handed(work, states=OFFERED_STATES)
        ]
    tried = changes(past, readiness)
    assert len(tried) > 15
    for change in tried:
        made = change.edit(file)
        assert made is not None, change.words
        assert made != file
        again = checked({"readiness.yaml": made})
        assert again is not None, made
        assert again.promote_when is not None
        assert (again.require, again.human_evidence_within, again.promote_when.text) != (
            *(readiness.require, readiness.human_evidence_within),
            readiness.promote_when.text if readiness.promote_when else "",
        )
        assert backtest(change, past).rejects == sum(one.rejected for one in past)


def test_a_file_that_is_written_in_another_way_is_proposed_in_words_without_a_diff(store: SqlStore) -> None:
    page = page_of(store, "no phone", file="promote: {when: stage == 'near_term', require: [people]}\n")
    assert page.proposal is not None
    assert page.proposal.sentence.startswith("Requiring a phone would have lost ")
    assert page.diff is None
