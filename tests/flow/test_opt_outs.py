"""Who asked to be left alone stays so, whatever becomes of their lead: other addresses, merges, files, undone files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurture.domain.consent import Standing, standing
from nurture.domain.errors import NurtureError
from nurture.domain.lead import LeadId
from nurture.domain.response import Kind
from nurture.domain.row import Column, GivenConsent, Refused, Row, RowReader
from nurture.flow import consents, intake, leads, looking, persons, suppressing, tasks
from nurture.flow.intake import Intake
from nurture.flow.respond import Report
from nurture.moves.handing_over import is_suppressed
from nurture.moves.scene import load
from tests.fakes import A_TUESDAY
from tests.flow.loop import Loop, a_loop

A, B, C, D = "ann@a.example", "ann@b.example", "cy@c.example", "di@d.example"


@contextmanager
def nobody_yet() -> Iterator[Loop]:
    with TemporaryDirectory() as folder, a_loop(Path(folder), "- email: one") as made:
        yield made


@pytest.fixture
def loop() -> Iterator[Loop]:
    with nobody_yet() as made:
        yield made


def taken(loop: Loop, *rows: Row | Refused) -> Intake:
    """One file, and a minute later."""
    loop.clock.advance(minutes=1)
    return intake.take(rows, file="people.csv", source=None, by="tester", **loop.common)


def named(loop: Loop, name: str) -> LeadId | None:
    """The lead of an address or external id."""
    with loop.store.unit(write=False) as work:
        lead = work.leads.find(name)
        return lead.id if lead is not None else None


def is_quiet(loop: Loop, lead: LeadId) -> bool:
    """Whether no mail may go to this lead, nor to an address that it will have."""
    with loop.store.unit(write=False) as work:
        name = work.leads.get([lead])[lead].listed_as
        if "all" in work.suppressions.scopes([name]).get(name, ()):
            return True
        bases = work.leads.consents([lead]).get(lead, ())
        return standing(bases, country=None, now=loop.now) is Standing.WITHDRAWN


def person(email: str | None = None, external: str | None = None, **more: Any) -> Row:
    """A row of somebody with these names."""
    values = {"email": email, "external_id": external, "phone": "+14155550001"}
    return Row(2, {name: value for name, value in values.items() if value}, **more)


def moved(loop: Loop) -> LeadId:
    """Ann, who had another address before."""
    taken(loop, person(A, "C1"))
    taken(loop, person(B, "C1"))
    lead = named(loop, B)
    assert lead is not None
    assert named(loop, A) == lead
    return lead


@pytest.mark.parametrize(
    "row",
    [
        person(A, opted_out=True),
        person(external="C1", opted_out=True),
        person(C, "C1", opted_out=True),
        Refused(2, "bad", opted_out=True, identity={"email": A}),
        Refused(2, "bad", opted_out=True, identity={"external_id": "C1"}),
    ],
    ids=["their old address", "their id", "their id and another's address", "refused, by address", "refused, by id"],
)
def test_an_opt_out_in_a_file_holds_for_the_address_that_the_lead_has_however_the_row_names_it(
    loop: Loop, row: Row | Refused
) -> None:
    lead = moved(loop)
    taken(loop, person(C, "C2"))
    taken(loop, row)
    assert is_quiet(loop, lead)
    assert taken(loop, row).updated == 0


def test_no_calls_are_made_to_whom_a_refused_row_names_by_id_alone(loop: Loop) -> None:
    lead = moved(loop)
    taken(loop, Refused(2, "bad", do_not_call=True, identity={"external_id": "C1"}))
    with loop.store.unit(write=False) as work:
        assert work.leads.columns(lead)["do_not_call"]


def test_who_opts_out_without_an_address_gets_no_mail_to_one_that_a_later_file_has(loop: Loop) -> None:
    row = person(external="C1", opted_out=True)
    assert [taken(loop, row).created, taken(loop, row).unchanged] == [1, 1]
    taken(loop, person(A, "C1"))
    lead = named(loop, A)
    assert lead is not None
    assert is_quiet(loop, lead)


@pytest.mark.parametrize(
    ("external", "address_by"),
    [
        *(("C1", how) for how in ("a file", "the same row", "a merge", "by hand", "a file, undone, and another")),
        *((None, how) for how in ("a merge", "by hand")),  # known by a number
    ],
)
def test_a_later_opt_in_of_a_file_does_not_end_an_opt_out_of_whom_has_no_address_yet(
    loop: Loop, external: str | None, address_by: str
) -> None:
    taken(loop, person(external=external, opted_out=True))
    later = GivenConsent("opt_in", loop.now + timedelta(seconds=59))
    if address_by == "the same row":
        taken(loop, person(A, external, consent=later))
    else:
        taken(loop, person(external=external, consent=later))
    if address_by == "a merge":
        taken(loop, person(A, "C2", consent=later))
        persons.merge(1, 2, by="tester", **loop.common)
    elif address_by == "by hand":
        leads.set_values(1, {"email": A}, by="tester", **loop.common)
    elif address_by != "the same row":
        taken(loop, person(A, external))
    if address_by == "a file, undone, and another":
        intake.undo(3, store=loop.store, now=loop.now, by="tester")
        assert named(loop, A) is None
        taken(loop, person(A, external))
    lead = named(loop, A)
    assert lead is not None
    assert is_quiet(loop, lead)


def test_who_opts_out_without_an_address_is_not_called_either_and_enters_no_cadence(loop: Loop) -> None:
    taken(loop, person(external="C1", opted_out=True), person(external="C2"))
    with loop.store.unit(write=False) as work:
        assert work.entering.suppressed([1, 2]) == {1}
        assert work.leads.idle() == [2]
    one, _ = looking.listed(None, store=loop.store, rules=loop.rules, now=loop.now)
    assert one.opted_out
    suppressing.lift("lead:1", store=loop.store, now=loop.now, by="tester")
    with loop.store.unit(write=False) as work:
        assert work.entering.suppressed([1, 2]) == set()


def test_a_refused_row_of_whom_is_known_by_a_number_and_a_name_is_a_wish_of_theirs(loop: Loop) -> None:
    columns = [Column(name, name) for name in ("phone", "first_name", "country", "opted_out")]
    ann = {"phone": "+14155550001", "first_name": "Ann"}
    row = RowReader(columns).read(2, [*ann.values(), "Narnia", "yes"])
    assert isinstance(row, Refused)
    taken(loop, Row(2, ann), Row(3, {**ann, "first_name": "Bo"}))
    assert taken(loop, row).updated == 0
    assert [is_quiet(loop, lead) for lead in (1, 2)] == [True, False]


@pytest.mark.parametrize("how", ["suppressed", "objects", "unsubscribes"])
def test_what_a_person_records_of_whom_has_no_address_is_kept_for_the_one_to_come(loop: Loop, how: str) -> None:
    taken(loop, person(external="C1"))
    common: Any = {"store": loop.store, "now": loop.now, "by": "tester"}
    if how == "suppressed":
        leads.suppress(1, scope="all", reason="asked", **common)
    elif how == "objects":
        consents.record(1, "objection", channel="all", source="call", policy=loop.policy, **common)
    else:
        loop.report(Report(Kind.UNSUBSCRIBE, loop.now, 1))
    taken(loop, person(A, "C1", consent=GivenConsent("opt_in", loop.now + timedelta(seconds=59))))
    assert is_quiet(loop, 1)


def test_who_may_be_contacted_again_was_also_asked_before_there_was_an_address(loop: Loop) -> None:
    taken(loop, person(external="C1", opted_out=True))
    taken(loop, person(A, "C1"), person(B, "C2"))
    assert is_quiet(loop, 1)
    suppressing.lift(A, store=loop.store, now=loop.now, by="tester")
    persons.merge(2, 1, by="tester", **loop.common)
    assert not is_quiet(loop, 1)


def test_a_number_that_is_given_again_asked_for_nothing(loop: Loop) -> None:
    taken(loop, person(external="C1", opted_out=True), person(A, "C1"))
    assert intake.undo(1, store=loop.store, now=loop.now, by="tester").removed == (1,)
    taken(loop, person(B), person(A, "C1"))
    assert [is_quiet(loop, lead) for lead in (1, 2)] == [False, True]


def test_whoever_opted_out_and_has_no_address_is_not_called_nor_offered_to_sales(loop: Loop) -> None:
    taken(loop, person(external="C1"))
    with loop.store.unit(write=False) as work:
        scene = load(work, [1], rules=loop.rules, policy=loop.policy, now=loop.now)
    assert not tasks.may_not_be_called(scene.leads[1], scene)
    taken(loop, person(external="C1", opted_out=True))
    with loop.store.unit(write=False) as work:
        scene = load(work, [1], rules=loop.rules, policy=loop.policy, now=loop.now)
    assert tasks.may_not_be_called(scene.leads[1], scene)
    assert is_suppressed(scene, scene.leads[1])


def test_an_import_of_somebody_who_opted_out_without_an_address_is_not_undone(loop: Loop) -> None:
    taken(loop, person(external="C1", opted_out=True), person(external="C2"))
    done = intake.undo(1, store=loop.store, now=loop.now, by="tester")
    assert (done.removed, [lead for lead, _ in done.kept]) == ((2,), [1])
    taken(loop, person(A, "C1"))
    assert is_quiet(loop, 1)


def test_who_opted_out_by_an_address_that_is_undone_gets_no_mail_to_the_next(loop: Loop) -> None:
    taken(loop, person(external="C1"))
    taken(loop, person(A, "C1"))
    suppressing.take([[A]], reason="list", store=loop.store, now=loop.now, by="tester")
    intake.undo(2, store=loop.store, now=loop.now, by="tester")
    taken(loop, person(B, "C1"))
    assert named(loop, B) == 1
    assert is_quiet(loop, 1)


def test_who_is_known_by_a_number_alone_opts_out_for_the_lead_that_they_became(loop: Loop) -> None:
    taken(loop, person(), person(A, "C1"))
    lead, number = named(loop, A), 1
    assert lead == 2
    persons.merge(number, lead, by="tester", **loop.common)
    assert [taken(loop, person(opted_out=True)).updated, taken(loop, person(opted_out=True)).updated] == [1, 0]
    assert is_quiet(loop, lead)


def test_a_list_of_opt_outs_that_knows_an_old_address_holds_for_the_present_one(loop: Loop) -> None:
    lead = moved(loop)
    suppressing.take([[A]], reason="list", store=loop.store, now=loop.now, by="tester")
    assert is_quiet(loop, lead)


@pytest.mark.parametrize("by", ["a list", "a file"])
def test_an_import_that_is_undone_gives_the_old_address_back_and_the_wish_with_it(loop: Loop, by: str) -> None:
    lead = moved(loop)
    if by == "a list":
        suppressing.take([[B]], reason="list", store=loop.store, now=loop.now, by="tester")
    else:
        taken(loop, person(B, opted_out=True))
    intake.undo(2, store=loop.store, now=loop.now, by="tester")
    assert is_quiet(loop, lead)


def test_a_batch_follows_a_lead_over_several_ids_and_addresses(loop: Loop) -> None:
    taken(loop, Refused(2, "bad", opted_out=True, identity={"email": B}))
    taken(loop, person(A, "C1"))
    taken(loop, person(B, "C1"), person(A, "C2"), person(C, "C2"))
    lead = named(loop, C)
    assert lead is not None
    assert is_quiet(loop, lead)


emails = st.sampled_from([A, B, C, D])
externals = st.sampled_from(["C1", "C2", "C3"])
LATER = GivenConsent("opt_in", A_TUESDAY + timedelta(days=1))
rows = st.builds(
    person,
    st.none() | emails,
    st.none() | externals,
    opted_out=st.sampled_from([False, False, True]),
    consent=st.sampled_from([None, LATER]),
)
refused = st.builds(
    lambda identity: Refused(2, "bad", opted_out=True, identity=identity),
    st.fixed_dictionaries({}, optional={"email": emails, "external_id": externals}),
)
things = st.one_of(
    st.tuples(st.just("file"), st.lists(rows | rows | refused, min_size=1, max_size=4)),
    st.tuples(st.just("set"), st.tuples(emails | externals, emails)),
    st.tuples(st.just("merge"), st.tuples(emails | externals, emails | externals)),
    st.tuples(st.just("list"), emails),
    st.tuples(st.just("undo"), st.integers(1, 4)),
)


def happen(loop: Loop, what: str, detail: Any) -> set[LeadId | None]:
    """One thing that people do; the leads that asked to be left alone by it."""
    names: set[str] = set()
    loop.clock.advance(minutes=1)
    if what == "file":
        taken(loop, *detail)
        # By the names that they have afterwards: of one row, since a file may move a name from one to another.
        asked = [row for row in detail if row.opted_out] if len(detail) == 1 else []
        said = [row.identity if isinstance(row, Refused) else row.values for row in asked]
        names = {one[name] for one in said for name in ("email", "external_id") if name in one}
    elif what == "list":
        suppressing.take([[detail]], reason="list", store=loop.store, now=loop.now, by="tester")
        names = {detail}
    elif what == "undo":
        intake.undo(detail, store=loop.store, now=loop.now, by="tester")
    else:
        lead, other = (named(loop, one) for one in detail)
        if what == "set" and lead is not None:
            leads.set_values(lead, {"email": detail[1]}, by="tester", **loop.common)
        elif what == "merge" and lead is not None and other is not None:
            persons.merge(lead, other, by="tester", **loop.common)
    return {named(loop, name) for name in names} - {None}


def names_of(loop: Loop) -> dict[LeadId, set[str]]:
    """Every lead that is one of its own, with all addresses that it had and that nobody else has."""
    with loop.store.unit(write=False) as work:
        everybody = work.leads.search(None, now=loop.now)
        emails = {one.email: one.id for one in everybody}
        return {
            one.id: {name for name in work.persons.names(one.id) if "@" in name and emails.get(name, one.id) == one.id}
            for one in everybody
        }


@settings(max_examples=20, deadline=None)
@given(st.lists(things, min_size=2, max_size=7))
def test_whoever_asked_to_be_left_alone_is_whatever_becomes_of_their_lead(story: list[tuple[str, Any]]) -> None:
    asked: set[LeadId | None] = set()
    with nobody_yet() as loop:
        moved(loop)
        taken(loop, person(C, "C2"))
        for what, detail in story:
            with suppress(NurtureError):
                asked |= happen(loop, what, detail)
            known = names_of(loop)
            now = {named(loop, str(lead)) for lead in asked} & known.keys()  # merged ones are part of another
            assert [lead for lead in now if lead is not None and not is_quiet(loop, lead)] == []
            for lead, names in known.items():
                with loop.store.unit(write=False) as work:
                    listed = work.suppressions.scopes(names)
                assert is_quiet(loop, lead) or not any("all" in scopes for scopes in listed.values())
