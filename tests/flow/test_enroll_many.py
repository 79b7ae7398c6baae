"""Enrolling many at once comes to the same as one by one: the same cadences, arms, histories and marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from nurture.adapters.store.tables import changes, companies, enrollments, leads, metadata, suppressions, touches
from nurture.adapters.store.unit import SqlStore
from nurture.domain import scoring
from nurture.domain.chance import held_out_below
from nurture.domain.condition import parse
from nurture.domain.lead import NOTHING_PLANNED
from nurture.domain.scoring import Line
from nurture.domain.touch import REPLY_STEP
from nurture.flow import enroll
from nurture.ports import InForce
from tests.builders import a_store
from tests.fakes import A_TUESDAY
from tests.flow.loop import Loop, a_cadence, a_policy, in_force
from tests.postgres import Server

NOW = A_TUESDAY
SCORING = """
fit: []
engagement:
  half_life: 30 days
  rules:
    - {on: reply, points: 8, because: answered}
stages:
  near_term: {enter: engagement >= 30, leave: engagement < 22}
  long_term: {enter: engagement >= 5, leave: engagement < 2}
"""
CADENCES = {
    "fits": "priority: 90\nholdout: 40%\nenroll: {when: fit >= 50, rate: RATE per day}\n",
    "fresh": "priority: 80\nenroll: {when: country == 'FR', arrived_within: 10 days, otherwise: late}\n",
    "warm": "priority: 70\nexclusive: false\nenroll: {when: engagement > 5 or score > 80, again: after 3 days}\n",
    "beside": "priority: 60\nexclusive: false\nholdout: 50%\nenroll: {when: industry == 'steel' or not country}\n",
    "lost": "priority: 50\nenroll: {when: status == 'lost'}\n",
    "home": "priority: 10\nenroll: {when: stage == 'unknown', again: after 1 day}\n",
    "late": "exclusive: EXCLUSIVE\nenroll: {again: after 2 days}\n",
}
LATE = "enroll: {when: fit > 1000, again: after 2 days, rate: 2 per day}"  # a place with a rate and two doors
TRAITS: dict[str, list[Any]] = {
    "fit": [0.0, 49.0, 50.0, 90.0],
    "country": ["FR", "DE", None],
    "status": ["nurturing", "nurturing", "nurturing", "nurturing", "lost", "accepted"],
    "stage": ["unknown", "near_term"],
    "days": [0, 9, 10, 11],
    "industry": ["steel", "paper", None],
    "replies": [0, 0, 0, 0, 1, 9],
    "paused": [None, None, None, None, -1, 5],
    "returns": [None, None, None, None, (5, "bad_timing"), (5, NOTHING_PLANNED), (-1, "bad_timing")],
    "suppressed": [None, None, None, None, "all", "email"],
    "asks": [False, False, False, False, False, True],
    "marked": [True, True, True, False],
}
AGO = [None, None, 0, 1, 2, 5]  # days since a past enrollment ended; None: it is open


def crowd(seed: int) -> list[dict[str, Any]]:
    """Many people, with what they meet each by itself and together."""
    dice = Random(seed)
    people = []
    for _ in range(40):
        one = {name: dice.choice(values) for name, values in TRAITS.items()}
        known = dice.sample([*sorted(CADENCES)], dice.choice([0, 0, 1, 2]))
        people.append({**one, "past": [(cadence, dice.choice(AGO)) for cadence in known]})
    return people


CROWDS = st.integers(0, 2**32).map(crowd)
PLAIN = {"fit": 50.0, "country": "FR", "status": "nurturing", "stage": "unknown", "days": 10, "industry": "steel"}
PLAIN |= {"replies": 0, "paused": None, "returns": None, "suppressed": None, "past": [], "marked": True, "asks": False}


@cache
def rules(rate: int, is_exclusive: bool, is_rated: bool) -> InForce:
    """The cadences, of which one takes so many a day."""
    texts = {name: more.replace("RATE", str(rate)) for name, more in CADENCES.items()}
    texts["late"] = texts["late"].replace("EXCLUSIVE", str(is_exclusive).lower())
    if is_rated:
        texts["late"] = texts["late"].replace("enroll: {again: after 2 days}", LATE)
    cadences = {name: a_cadence("- wait: 1 day", name=name, more=more) for name, more in texts.items()}
    return in_force(cadences, {"scoring.yaml": SCORING})


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    """One store for all that is drawn."""
    if request.param == "sqlite":
        with a_store(f"sqlite:///{tmp_path_factory.mktemp('many') / 'nurture.db'}") as made:
            yield made
        return
    server: Server = request.getfixturevalue("postgres_server")
    with server.database() as url, a_store(url) as made:
        yield made


def settle(store: SqlStore, people: Sequence[dict[str, Any]], points: scoring.Scoring) -> None:
    """Only these people, by the numbers 1, 2, 3: the arms are drawn by number."""
    rule = points.engagement[0].key
    day = timedelta(days=1)
    with store.engine.begin() as db:
        for table in reversed(metadata.sorted_tables):
            db.execute(table.delete())
        db.execute(
            insert(companies),
            [
                {"id": n, "name": name, "name_key": name, "industry": name, "created_at": NOW}
                for n, name in FIRMS.items()
            ],
        )
        rows, past, never, asked = [], [], [], []
        for number, one in enumerate(people, 1):
            lines = [Line(rule, "reply", NOW - 40 * day)] * one["replies"]
            at, why = one["returns"] or (None, None)
            rows.append(
                {name: one[name] for name in ("fit", "country", "status", "stage")}
                | dict.fromkeys(("created_at", "arrived_at", "changed_at"), NOW - one["days"] * day)
                | {"id": number, "email": f"p{number}@x.example", "enroll_check": one["marked"]}
                | {"company_id": next((n for n, name in FIRMS.items() if name == one["industry"]), None)}
                | {"sums": _stored(lines, points) or None}
                | {"paused_until": NOW + one["paused"] * day if one["paused"] else None}
                | {"returns_at": NOW + at * day if at else None, "returns_because": why}
            )
            held = False
            for cadence, ago in one["past"]:
                is_open, exclusive = ago is None, cadence in ("fits", "fresh", "home", "lost")
                slot = number if is_open and exclusive and not held else None
                held = held or slot is not None
                past.append(
                    {
                        "lead_id": number,
                        "cadence": cadence,
                        "version": 1,
                        "priority": 1,
                        "pc": 0,
                        "slot": slot,
                        "by": "test",
                    }
                    | {"state": "active" if is_open else "done", "ended_at": None if is_open else NOW - ago * day}
                    | dict.fromkeys(("anchor", "started_at"), NOW - 9 * day)
                )
            if one["suppressed"]:
                never.append({"address": f"p{number}@x.example", "scope": one["suppressed"], "reason": "x", "at": NOW})
            if one["asks"]:
                asked.append(
                    {"id": f"t{number}", "lead_id": number, "step": REPLY_STEP, "channel": "call", "state": "open"}
                    | dict.fromkeys(("due_at", "created_at"), NOW)
                )
        for table, values in ((leads, rows), (enrollments, past), (suppressions, never), (touches, asked)):
            if values:
                db.execute(insert(table), values)


FIRMS = {1: "steel", 2: "paper"}


def _stored(lines: Sequence[Line], points: scoring.Scoring) -> dict[str, Any]:
    sums = scoring.added({}, lines, points)
    return {key: (one.lines, one.at.isoformat(), one.half_life.total_seconds()) for key, one in sums.items()}


def outcome(store: SqlStore) -> dict[str, list[Any]]:
    """Everything that came of it, numbers of enrollments aside."""
    apart = {"id", "detail"}
    with store.engine.connect() as db:
        made = {row.id: (row.lead_id, row.cadence) for row in db.execute(select(enrollments))}
        stories = []
        for row in db.execute(select(changes)):
            of = made[row.detail["enrollment"]]
            assert of == (row.lead_id, row.detail["cadence"])
            stories.append((*of, row.what, row.text, row.at, row.by, row.detail["held_out"]))
        return {
            "enrollments": sorted(
                str({k: v for k, v in row._mapping.items() if k not in apart})
                for row in db.execute(select(enrollments))
            ),
            "changes": sorted(map(str, stories)),
            "leads": [tuple(row) for row in db.execute(select(leads).order_by(leads.c.id))],
        }


def both(
    store: SqlStore, people: Sequence[dict[str, Any]], rules: InForce
) -> Iterator[tuple[int, dict[str, list[Any]]]]:
    """What comes of it together, and one by one."""
    common: dict[str, Any] = {"store": store, "rules": rules, "policy": a_policy(), "now": NOW}
    for together in (1, 10**9):
        settle(store, people, rules.workspace.scoring)
        yield enroll.run(**common, limit=15, together=together), outcome(store)


@given(
    people=CROWDS,
    rate=st.sampled_from([1, 3, 99]),
    flags=st.tuples(st.booleans(), st.booleans()),
)
@example(people=[PLAIN] * 6 + [{**PLAIN, "asks": True}] + [{**PLAIN, "fit": 0.0}] * 3, rate=3, flags=(True, False))
@example(people=[{**PLAIN, "fit": 0.0, "days": 11, "past": [("late", None)]}] * 7, rate=3, flags=(False, False))
@example(people=[{**PLAIN, "fit": 0.0, "days": 11}] * 7, rate=3, flags=(False, False))
@settings(max_examples=4, deadline=None, phases=(Phase.explicit, Phase.generate))  # one die: nothing to shrink
@pytest.mark.timeout(120)
def test_many_at_once_come_to_the_same_as_one_by_one(
    store: SqlStore, people: list[dict[str, Any]], rate: int, flags: tuple[bool, bool]
) -> None:
    together, alone = both(store, people, rules(rate, *flags))
    assert together == alone


@given(people=CROWDS, cadence=st.sampled_from(sorted(CADENCES)))
@settings(max_examples=4, deadline=None, phases=(Phase.explicit, Phase.generate))  # one die: nothing to shrink
@pytest.mark.timeout(120)
def test_all_for_whom_a_condition_holds_are_enrolled_by_hand_as_each_of_them_would_be(
    store: SqlStore, people: list[dict[str, Any]], cadence: str
) -> None:
    found = rules(1, False, False)
    common: dict[str, Any] = {"store": store, "rules": found, "policy": a_policy(), "now": NOW, "by": "Ada"}
    settle(store, people, found.workspace.scoring)
    dry = list(enroll.by_hand_where(parse("fit > 10"), cadence, **common, dry_run=True, limit=15))
    batches = list(enroll.by_hand_where(parse("fit > 10"), cadence, **common, limit=15))
    assert [(one.enrolled, one.refused) for one in batches] == [(one.enrolled, one.refused) for one in dry]
    refused = {lead: answer for batch in batches for lead, _, answer in batch.refused}
    together = outcome(store)
    settle(store, people, found.workspace.scoring)
    answers = enroll.by_hand([n for n, one in enumerate(people, 1) if one["fit"] > 10], cadence, **common)
    assert refused == {lead: answer for lead, answer in answers.items() if not answer.may_enter}
    assert sum(one.enrolled for one in batches) == sum(answer.may_enter for answer in answers.values())
    assert together == outcome(store)


@given(percent=st.floats(0.001, 100), number=st.integers(0, 2**64 - 1))
@example(percent=100.0, number=2**64 - 1)
def test_the_bytes_of_a_hash_are_held_out_where_their_share_is(percent: float, number: int) -> None:
    below = held_out_below(percent)
    for one in {number, *((below - 1, min(below, 2**64 - 1)) if below else ())}:
        assert (below is None or one < below) == (one / 2**64 * 100 < percent)


@pytest.mark.timeout(120)
def test_several_daemons_enroll_each_lead_once(store: SqlStore) -> None:
    if store.engine.dialect.name == "sqlite":  # where there is one at a time
        return
    found = rules(99, True, False)
    settle(store, [{**PLAIN, "fit": 0.0, "days": 1}] * 30, found.workspace.scoring)
    loops = [Loop(store, found, a_policy()) for _ in range(3)]
    with ThreadPoolExecutor(len(loops)) as pool:
        started = sum(pool.map(lambda loop: enroll.run(**loop.common, limit=7, together=1), loops))
    made = outcome(store)
    assert started == len(made["enrollments"]) == len(made["changes"]) == 60  # each in one cadence, and one beside
