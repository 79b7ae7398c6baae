"""Enrollments: their state machine, pauses that keep the remaining wait, and walks that always end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurture.domain.cadence import (
    Cadence,
    Email,
    Enroll,
    If,
    PersonTask,
    Set,
    Share,
    Split,
    Step,
    Stop,
    Stream,
    Wait,
    WaitFor,
    WaitUntil,
    YearDay,
)
from nurture.domain.chance import chance
from nurture.domain.condition import parse
from nurture.domain.duration import Duration, Unit
from nurture.domain.enrollment import IMPOSSIBLE, MOVES, NO_CHANGE, Enrollment, Event, Pause, Place, State, started
from nurture.domain.history import LeadHistory
from nurture.domain.touch import Channel
from nurture.domain.walk import Contact, Finished, Program, Sleep, Surroundings, after_contact, program_of, walk

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
DAY = timedelta(days=1)


@pytest.mark.parametrize("pair", list(product(State, Event)), ids=lambda pair: "-".join(pair))
def test_every_pair_is_decided_exactly_once(pair: tuple[State, Event]) -> None:
    assert [pair in MOVES, pair in NO_CHANGE, pair in IMPOSSIBLE].count(True) == 1


# Random cadences -------------------------------------------------------------------------------------------------

CONDITIONS = [parse(text) for text in ("fit >= 20", "x.a == 'b'", "replied()", "stage == 'near_term'")]
durations = st.builds(Duration, st.integers(1, 30), st.sampled_from([Unit.HOURS, Unit.DAYS, Unit.BUSINESS_DAYS]))
numbers = st.integers(0, 10**9).map(str)
simple: st.SearchStrategy[Step] = st.one_of(
    numbers.map(lambda n: Email(1, f"mail-{n}", f"mail-{n}")),
    numbers.map(lambda n: PersonTask(1, f"call-{n}", Channel.CALL, "call", Duration(2, Unit.BUSINESS_DAYS))),
    st.builds(Wait, st.just(1), durations),
    st.builds(WaitFor, st.just(1), st.sampled_from(CONDITIONS), durations),
    st.builds(
        WaitUntil,
        st.just(1),
        st.builds(YearDay, st.integers(1, 12), st.integers(1, 28)),
        st.none() | durations,
    ),
    st.builds(
        lambda n, every, items, times: Stream(
            1, f"stream-{n}", every, tuple(f"item-{n}-{k}" for k in range(items)), times
        ),
        numbers,
        durations,
        st.integers(1, 4),
        st.none() | st.integers(1, 3),
    ),
    st.just(Set(1, {"x.a": "b"})),
)
ends: st.SearchStrategy[Step] = st.sampled_from([Stop(1, "enough"), Enroll(1, "evergreen")])


def _branches(inner: st.SearchStrategy[Step]) -> st.SearchStrategy[Step]:
    some = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(
        st.builds(If, st.just(1), st.sampled_from(CONDITIONS), some, some),
        st.builds(
            lambda n, one, two, share: Split(1, f"split-{n}", (Share(share, one), Share(100.0 - share, two))),
            numbers,
            some,
            some,
            st.sampled_from([1.0, 50.0, 90.0]),
        ),
    )


steps = st.lists(st.recursive(simple | ends, _branches, max_leaves=10), max_size=8).map(tuple)


class Life:
    """One lead on its way through a program: every contact is made as soon as it is reached."""

    def __init__(self, program: Program, names: Mapping[str, Any]) -> None:
        self.program = program
        self.names = dict(names)
        self.place, self.now = Place(0, NOW), NOW
        self.made: list[tuple[int, str]] = []  # where in the program, and what

    def step(self) -> Contact | Sleep | Finished:
        """The next stop; time goes on to it, and a contact is made."""
        had = {name for _, name in self.made}
        around = Surroundings(
            lead=7,
            names=self.names,
            history=LeadHistory(self.now),
            zone=PARIS,
            country="FR",
            fiscal_year_start=(1, 1),
            had=lambda item: item in had,
            items=lambda stream: stream.items,
        )
        found = walk(self.program, self.place, around, self.now)
        again = walk(self.program, self.place, around, self.now)
        assert again == found  # a walk decides nothing by itself: asked twice, it says the same
        self.place = found.place
        self.names |= found.fields
        match found.outcome:
            case Sleep(until=until):
                assert until > self.now
                self.now = until
            case Contact(step=step):
                self.made.append((found.place.pc, step.template if isinstance(step, Email) else step.id))
                self.place = after_contact(self.program, found.place, self.now, counted=True)
        return found.outcome


@settings(max_examples=60, deadline=None)  # each is a whole program, and most of it is the making
@given(steps, st.sampled_from([0, 50]), st.sampled_from(["unknown", "near_term"]))
def test_every_walk_ends_and_makes_each_contact_at_most_once(made: tuple[Step, ...], fit: int, stage: str) -> None:
    program = program_of(Cadence("course", made))
    life = Life(program, {"fit": fit, "stage": stage})
    for _ in range(4 * len(program.ops) + 60):
        before = life.place
        if isinstance(life.step(), Finished):
            break
        assert life.place.pc >= before.pc
    else:
        pytest.fail("it goes on for ever")
    assert len(set(life.made)) == len(life.made)


def test_waits_count_from_when_the_earlier_touch_really_happened() -> None:
    program = program_of(Cadence("c", (Email(1, "a", "a"), Wait(1, Duration(3, Unit.DAYS)), Email(1, "b", "b"))))
    late = NOW + timedelta(days=2)
    place = after_contact(program, Place(0, NOW), late, counted=True)
    life = Life(program, {})
    life.place, life.now = place, late
    assert life.step() == Sleep(late + 3 * DAY, wakeable=False, because="waiting 3 days")
    skipped = after_contact(program, Place(0, NOW), late, counted=False)
    assert skipped.anchor == NOW


def test_the_arms_of_a_split_get_their_shares_and_a_lead_keeps_its_own() -> None:
    shares = [chance("split", lead, "c", "s") * 100 < 20 for lead in range(20_000)]
    assert 0.18 < sum(shares) / len(shares) < 0.22
    assert shares == [chance("split", lead, "c", "s") * 100 < 20 for lead in range(20_000)]


# Pauses ----------------------------------------------------------------------------------------------------------


def an_enrollment(next_at: datetime | None = NOW + 5 * DAY) -> Enrollment:
    """Active, with five days to wait."""
    return replace(started(Cadence("c", ()), lead=1, version=1, now=NOW), next_at=next_at)


reasons = st.sampled_from(list(Pause))


@given(st.lists(st.tuples(reasons, st.integers(0, 48)), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_whatever_pauses_it_in_whatever_order_the_remaining_wait_is_kept(
    pauses: list[tuple[Pause, int]], dice: Any
) -> None:
    one, now = an_enrollment(), NOW + DAY
    begun = now
    for why, hours in pauses:
        one = one.paused(why, until=None, now=now)
        now += timedelta(hours=hours)
    held = list(one.pauses)
    dice.shuffle(held)
    for name in held:
        assert one.state is State.PAUSED
        one = one.resumed(Pause(name), now=now)
        now += timedelta(hours=1)
    ended = now - timedelta(hours=1)
    assert one.state is State.ACTIVE
    assert one.next_at == ended + 4 * DAY
    assert one.place.anchor == NOW + (ended - begun)
    assert one.pauses == {}
    assert one.place.memory == {}


def test_a_dated_pause_wakes_on_its_date_and_an_undated_one_never() -> None:
    until = NOW + 9 * DAY
    dated = an_enrollment().paused(Pause.AUTO_REPLY, until=until, now=NOW)
    assert dated.next_at == until
    both = dated.paused(Pause.OPERATOR, until=None, now=NOW)
    assert both.next_at == until
    left = both.lapsed(until)
    assert (left.state, left.next_at) == (State.PAUSED, None)
    assert dated.lapsed(until).state is State.ACTIVE
    assert dated.lapsed(until - timedelta(seconds=1)) == dated


def test_what_is_over_stays_over() -> None:
    program = program_of(Cadence("c", (Stop(1, "enough"),)))
    assert Life(program, {}).step() == Finished(Event.FINISH, "enough")
    for state in set(State) - {State.ACTIVE, State.PAUSED}:
        assert (state, Event.RESUME) in NO_CHANGE
