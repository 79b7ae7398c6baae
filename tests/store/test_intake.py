"""Rows that come in together are stored as if each came alone, in as few statements, on both databases."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from nurture.adapters.store import tables
from nurture.adapters.store.intake import ArrivalRows
from nurture.adapters.store.unit import SqlStore
from nurture.domain.errors import CollisionError
from nurture.domain.fact import FactName
from nurture.domain.lead import OWN, own_name
from nurture.domain.row import GivenConsent, Refused, Row
from nurture.flow import intake, persons
from nurture.moves.rescore import rescore
from nurture.moves.scene import load
from tests.flow.loop import a_cadence, a_policy, in_force

MOMENTS = ("created_at", "arrived_at", "changed_at")
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
SCORING = """
fit:
  - {points: 10, when: "has_word(title, 'chief')", because: decides}
  - {points: 0.1, when: "country == 'DE'", because: near}
  - {points: 0.2, when: "language == 'de' or x.tier == 'a'", because: ours}
  - {points: 5, when: budget, because: has money}
stages:
  near_term: {enter: timeline_months <= 6, leave: not timeline_months <= 6}
  long_term: {enter: timeline_months > 6 or fit >= 10, leave: not (timeline_months > 6 or fit >= 10)}
"""
RULES = in_force({"course": a_cadence("- email: one")}, {"scoring.yaml": SCORING})
TAKE: Any = sys.modules["nurture.flow.intake.take"]
BATCH: int = TAKE.BATCH
SCORED = {"fit", "stage", "look_at", "scored_at", "engagement"}
COMMON: dict[str, Any] = {"file": "people.csv", "source": "fair", "rules": RULES, "policy": a_policy(), "by": "tester"}


def taken(store: SqlStore, rows: Sequence[Row | Refused], now: datetime = NOW) -> intake.Intake:
    """Rows of one file."""
    return intake.take(rows, store=store, now=now, **COMMON)


def everything(store: SqlStore) -> dict[str, list[dict[str, Any]]]:
    """All that imports store, besides what they say of themselves."""
    left_out = {"leads": {"sums"}, "suppressions": {"id"}, "changes": {"id"}, "consents": {"id"}, "facts": {"id"}}
    are_leads, numbers = [("lead_id", "leads"), ("merged_into", "leads")], dict[str, dict[int, int]]()
    found = {}
    with store.engine.connect() as db:
        # Ids may have gaps: the order counts.
        for name in ("companies", "leads"):
            table = tables.metadata.tables[name]
            ids = db.execute(select(table.c.id).order_by(table.c.id)).scalars()
            numbers[name] = {number: place for place, number in enumerate(ids)}
        for name in (*numbers, "company_domains", "lead_aliases", "consents", "facts", "suppressions", "changes"):
            table = tables.metadata.tables[name]
            rows = [dict(row._mapping) for row in db.execute(select(table))]
            for row in rows:
                for column, kind in [("id", name), ("company_id", "companies"), *are_leads]:
                    if row.get(column) in numbers.get(kind, {}):
                        row[column] = numbers[kind][row[column]]
                if name == "suppressions" and row["address"].startswith(OWN):
                    row["address"] = own_name(numbers["leads"][int(row["address"].removeprefix(OWN))])
            kept = [{key: value for key, value in row.items() if key not in left_out.get(name, ())} for row in rows]
            found[name] = sorted(kept, key=repr)
    return found


emails = st.sampled_from(["old@acme.example", "ada@acme.example", "bob@acme.example", "cy@gmail.com", "x@y.example"])
texts = st.sampled_from(["Ada", "Bob", "Chief Engineer"])
consents = st.builds(
    GivenConsent,
    st.sampled_from(["opt_in", "withdrawn", "none"]),
    at=st.sampled_from([None, NOW - timedelta(days=9)]),
    until=st.sampled_from([None, NOW + timedelta(days=400)]),
    source=st.sampled_from([None, "fair"]),
    text=st.none(),
    channel=st.sampled_from(["email", "email", "phone"]),
)
values = st.fixed_dictionaries(
    {},
    optional={
        "email": emails,
        "external_id": st.sampled_from(["C1", "C2", "C3"]),
        "first_name": texts,
        "title": texts,
        "company": st.sampled_from(["Acme", "ACME", "Other"]),
        "domain": st.sampled_from(["acme.example", "other.example"]),
        "industry": texts,
        "employees": st.sampled_from([5, 500]),
        "phone": st.sampled_from(["+14155550001", "+14155550002"]),
        "country": st.sampled_from(["DE", "US"]),
        "language": st.sampled_from(["de", "en"]),
        "source": st.sampled_from(["web"]),
        "status": st.sampled_from(["nurturing", "customer"]),
    },
).filter(lambda given: given.keys() & {"email", "external_id", "phone"})
rows_of_a_file = st.lists(
    st.builds(
        Row,
        line=st.just(0),
        values=values,
        custom=st.sampled_from([{}, {"tier": "a"}, {"tier": "b", "n": "1"}]),
        facts=st.sampled_from([{}, {FactName.BUDGET: "20k"}, {FactName.TIMELINE: "2027-03-01"}]),
        consent=st.none() | consents,
        opted_out=st.sampled_from([False, False, True]),
        do_not_call=st.sampled_from([False, False, True]),
        notes=st.sampled_from([None, "met"]),
    )
    | st.builds(
        Refused,
        line=st.just(0),
        reason=st.just("bad"),
        opted_out=st.just(True),
        identity=st.sampled_from([{"email": "x@y.example"}, {"email": "old@acme.example"}, {"external_id": "C3"}]),
    ),
    max_size=8,
)


def emptied(store: SqlStore) -> None:
    """Nobody in it."""
    with store.engine.begin() as db:
        for table in reversed(tables.metadata.sorted_tables):
            db.execute(table.delete())


def begun_with(store: SqlStore, past: Sequence[str]) -> None:
    """Who is known already: somebody with an old address, and somebody who was two."""
    emptied(store)
    names = [("old@acme.example", "C1"), ("ada@acme.example", "C1")] if "alias" in past else []
    names += [("bob@acme.example", "C2"), ("cy@gmail.com", "C3")] if "merged" in past else []
    rows = [Row(2, {"email": email, "external_id": external}) for email, external in names]
    taken(store, rows, NOW - timedelta(days=1))
    if "merged" in past:
        with store.unit(write=False) as work:
            _, ids = work.arrivals.by_identity([], ["C2", "C3"])
        persons.merge(ids["C3"], ids["C2"], store=store, rules=RULES, policy=a_policy(), now=NOW, by="tester")
        with store.engine.begin() as db:  # they name ids
            db.execute(tables.changes.delete())


pasts = st.sampled_from([(), ("alias",), ("merged",), ("alias", "merged")])


def test_two_files_at_once_make_one_lead_of_whom_both_know_by_a_number(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, look = Barrier(2), ArrivalRows.by_phone

    def looks(self: ArrivalRows, phones: Collection[str]) -> dict[tuple[str, str], int]:
        found = look(self, phones)
        with suppress(BrokenBarrierError):
            both.wait(0.3)  # nobody has stored anything before the other one looks, unless that one has to wait
        return found

    monkeypatch.setattr(ArrivalRows, "by_phone", looks)
    row = Row(2, {"phone": "+14155550001", "first_name": "Ann"})
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: taken(store, [row]), range(2)))
    assert sorted((one.created, one.unchanged) for one in done) == [(0, 1), (1, 0)]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pasts, rows_of_a_file)
def test_rows_that_come_together_are_stored_as_if_each_came_alone(
    store: SqlStore, past: Sequence[str], rows: list[Row | Refused]
) -> None:
    placed = [_at(row, line) for line, row in enumerate(rows, 2)]
    begun_with(store, past)
    for one in placed:
        taken(store, [one])
    alone = everything(store)
    begun_with(store, past)
    taken(store, placed)
    together = everything(store)
    for name, found in alone.items():
        if name == "leads":
            # Alone, a lead is scored after each of its rows; together, once.
            continue
        if name != "changes":
            assert together[name] == found
    plain = [[{key: one[key] for key in one.keys() - SCORED} for one in all_["leads"]] for all_ in (alone, together)]
    assert plain[0] == plain[1]
    imported = [[one for one in all_["changes"] if one["what"] != "stage"] for all_ in (alone, together)]
    assert imported[0] == imported[1]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pasts, rows_of_a_file, st.integers(1, 3))
def test_batches_store_what_they_would_together(
    store: SqlStore, past: Sequence[str], rows: list[Row | Refused], size: int
) -> None:
    placed = [_at(row, line) for line, row in enumerate(rows, 2)]
    found = []
    for batch in (BATCH, size):  # on PostgreSQL each is looked up before the one in front of it is stored
        begun_with(store, past)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TAKE, "BATCH", batch)
            result = taken(store, placed)
        found.append((result.created, [line for line, _ in result.refused], everything(store)))
    (created, refused, one), (created_too, refused_too, many) = found
    assert (created_too, refused_too) == (created, refused)
    for all_ in (one, many):  # together, a lead is scored once, and its stage is told once
        all_["changes"] = [told for told in all_["changes"] if told["what"] != "stage"]
        all_["leads"] = [{key: told[key] for key in told.keys() - SCORED} for told in all_["leads"]]
    assert many == one


@pytest.mark.parametrize(
    "rows",
    [
        [Row(4, {"email": "bob@acme.example", "external_id": "C1"})],
        [Row(4, {"email": "old@acme.example", "external_id": "C1"})],
        [
            Row(4, {"email": "di@acme.example", "external_id": "C1"}),
            Row(5, {"email": "gone@x.example", "external_id": "C1"}),
        ],
    ],
    ids=["a lead who opted out", "the same by an address of old", "an address of nobody that opted out"],
)
def test_who_opted_out_stays_so_though_their_batch_gives_them_an_id_and_then_an_address(
    store: SqlStore, rows: list[Row]
) -> None:
    taken(store, [Row(2, {"email": "old@acme.example", "external_id": "C9"})])
    taken(store, [Row(2, {"email": "bob@acme.example", "external_id": "C9"}, opted_out=True)])
    taken(store, [Refused(3, "bad", opted_out=True, identity={"email": "gone@x.example"})])
    taken(store, [*rows, Row(9, {"email": "ada@acme.example", "external_id": "C1"})])
    with store.unit(write=False) as work:
        assert work.suppressions.scopes(["ada@acme.example"]) == {"ada@acme.example": {"all"}}


def test_an_external_id_that_a_batch_took_from_somebody_may_be_another_persons(store: SqlStore) -> None:
    taken(store, [Row(2, {"email": "ada@acme.example", "external_id": "C1"})])
    moved = Row(3, {"email": "ada@acme.example", "external_id": "C2"})
    result = taken(store, [moved, Row(4, {"email": "bob@acme.example", "external_id": "C1"})])
    assert (result.created, result.updated) == (1, 1)
    assert {one["external_id"]: one["email"] for one in everything(store)["leads"]} == {
        "C1": "bob@acme.example",
        "C2": "ada@acme.example",
    }


def test_a_company_is_called_by_the_first_name_that_anybody_gave_it(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TAKE, "BATCH", 1)
    given: list[dict[str, Any]] = [{"industry": "food"}, {"company": "First"}, {"company": "Second", "employees": 5}]
    rows = [
        Row(line, {"email": f"p{line}@x.example", "domain": "x.example", **more}) for line, more in enumerate(given, 2)
    ]
    taken(store, rows)
    stored = everything(store)["companies"]
    assert [(one["name"], one["name_key"], one["employees"]) for one in stored] == [("First", "first", 5)]


@pytest.mark.parametrize("what", ["a lead", "a company that is gone"])
def test_what_others_did_since_a_batch_was_looked_up_ahead_is_found(
    postgres_store: SqlStore, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    store = postgres_store
    emptied(store)
    ahead = TAKE.look_ahead
    person = Row(2, {"email": "ada@acme.example", "first_name": "Ada", "domain": "gone.example", "company": "Gone"})

    def meanwhile(*given: Any, **named: Any) -> Any:
        found = ahead(*given, **named)
        if what == "a lead":
            with monkeypatch.context() as patch:
                patch.setattr(TAKE, "look_ahead", ahead)
                taken(store, [person])
        else:
            with store.engine.begin() as db:
                for table in ("company_domains", "companies"):
                    db.exec_driver_sql(f"DELETE FROM {table}")
        return found

    if what != "a lead":
        taken(store, [person])
        with store.engine.begin() as db:
            db.exec_driver_sql("UPDATE leads SET company_id = NULL, email = 'x@y.example'")
    monkeypatch.setattr(TAKE, "BATCH", 60)
    monkeypatch.setattr(TAKE, "look_ahead", meanwhile)
    others = [Row(line, {"email": f"p{line}@gmail.com", "first_name": "P"}) for line in range(2, 121)]
    result = taken(store, [*others, person._replace(line=121)])
    made = what != "a lead"
    assert (result.created, result.unchanged) == (119 + made, 1 - made)
    employed = [one for one in everything(store)["leads"] if one["company_id"] is not None]
    assert [one["email"] for one in employed] == ["ada@acme.example"]


def _at(row: Row | Refused, line: int) -> Row | Refused:
    if isinstance(row, Refused):
        return Refused(line, row.reason, row.opted_out, row.do_not_call, row.identity)
    return row._replace(line=line)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows_of_a_file)
def test_the_first_score_is_the_score_that_everybody_else_gets(store: SqlStore, rows: list[Row | Refused]) -> None:
    emptied(store)
    taken(store, [_at(row, line) for line, row in enumerate(rows, 2)])
    before = everything(store)
    with store.unit() as work:
        ids = [lead.id for lead in work.leads.search(None, now=NOW)]
        rescore(work, ids, load(work, ids, rules=RULES, policy=a_policy(), now=NOW), by="tester")
        work.commit()
    assert everything(store) == before


@contextmanager
def counted(store: SqlStore) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile; what goes over together is one."""
    seen: list[str] = []

    def note(_db: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store.engine, "before_cursor_execute", note)


def a_file(count: int, *, of: str = "") -> list[Row]:
    """Many people, some of one company, with all that a row can say."""
    yes = GivenConsent("opt_in", NOW)
    return [
        Row(
            line,
            {
                "email": f"p{line}@c{line % 7}.example",
                "external_id": f"{of}{line}",
                "company": f"C{line % 7}",
                "industry": "food",
                "phone": f"+1415555{line:04}",
                "timezone": "Europe/Paris" if of else "Europe/Berlin",
            },
            {"tier": of or "a"},
            {FactName.BUDGET: of or "20k"},
            yes,
            opted_out=line % 5 == 0,
            do_not_call=line % 4 == 0,
        )
        for line in range(2, count + 2)
    ]


def test_a_batch_takes_as_many_statements_whatever_is_in_it(store: SqlStore) -> None:
    made = {}
    for many in (240, 600):
        emptied(store)
        taken(store, a_file(many)[: many // 2])
        with counted(store) as seen:
            result = taken(store, a_file(many, of="N"), NOW + timedelta(hours=1))
        assert (result.created, result.updated) == (many - many // 2, many // 2)
        made[many] = [statement.split("\n")[0][:60] for statement in seen]
    assert made[240] == made[600]
    assert len(made[240]) < 60


def test_who_is_stored_by_somebody_else_meanwhile_is_found_again(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nurture.adapters.store.intake import ArrivalRows

    look, quicker = ArrivalRows.by_identity, [True]

    def late(self: ArrivalRows, *asked: Any) -> Any:
        if quicker.pop() if quicker else False:
            return {}, {}  # as it was before the other's commit
        return look(self, *asked)

    taken(store, [Row(2, {"email": "ada@acme.example", "first_name": "Ada"})])
    monkeypatch.setattr(ArrivalRows, "by_identity", late)
    result = taken(store, [Row(2, {"email": "ada@acme.example", "last_name": "Byron"})])
    assert (result.created, result.updated) == (0, 1)
    base: dict[str, list[Any]] = {"status": ["nurturing"], "stage": ["unknown"], **{name: [NOW] for name in MOMENTS}}
    with store.unit() as work:
        again: dict[str, Sequence[Any]] = {"id": work.arrivals.reserve(1), "email": ["ada@acme.example"], **base}
        with pytest.raises(CollisionError):
            work.arrivals.add(again)


def test_an_import_is_undone_in_as_many_statements_however_many_leads_it_has(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    undone = {}
    for many in (60, 120):
        emptied(store)
        taken(store, a_file(many)[: many // 2])
        before = everything(store)["leads"]
        later = NOW + timedelta(hours=1)
        batch = taken(store, a_file(many, of="N"), later).batch
        with counted(store) as seen:
            result = intake.undo(batch, store=store, now=later, by="tester")
        assert (len(result.removed), len(result.restored), result.kept) == (many // 2, many // 2, ())
        own = {"fit", "stage", "changed_at", "scored_at", "look_at", "timeline_on", "enroll_check", "ready_check"}
        left = [
            [{name: one[name] for name in one.keys() - own} for one in leads]
            for leads in (before, everything(store)["leads"])
        ]
        assert left[0] == left[1]
        undone[many] = len(seen)
    assert undone[60] == undone[120] < 40
    monkeypatch.setattr(sys.modules["nurture.flow.intake.undo"], "AT_ONCE", 7)
    monkeypatch.setattr("nurture.adapters.store.imports.PART", 7)
    emptied(store)
    taken(store, a_file(20)[:10])
    batch = taken(store, a_file(20, of="N"), later).batch
    in_parts = intake.undo(batch, store=store, now=later, by="tester")
    assert (len(in_parts.removed), len(in_parts.restored)) == (10, 10)
    assert list(in_parts.removed) == sorted(in_parts.removed)


def test_who_has_only_a_number_is_looked_up_among_such_leads_alone(store: SqlStore) -> None:
    taken(store, [Row(line, {"phone": f"+1415555{line:04}"}) for line in range(2, 52)] + a_file(50))
    asked: list[tuple[str, Any]] = []

    def note(_db: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with store.unit(write=False) as work:
        event.listen(store.engine, "before_cursor_execute", note)
        try:
            assert len(work.arrivals.by_phone(["+14155550002", "+14155550003"])) == 2
        finally:
            event.remove(store.engine, "before_cursor_execute", note)
    (statement, parameters), *_ = [one for one in asked if "coalesce" in one[0]]
    with store.engine.connect() as db:
        explain = "EXPLAIN QUERY PLAN" if db.dialect.name == "sqlite" else "EXPLAIN"
        if db.dialect.name == "postgresql":
            db.exec_driver_sql("ANALYZE leads")  # what is known of the table may be of when it was empty
            db.exec_driver_sql("SET LOCAL enable_seqscan = off")  # so few leads are read as fast
        plan = [str(row) for row in db.exec_driver_sql(f"{explain} {statement}", parameters)]
    assert any("ix_leads_phone" in line for line in plan), plan
