"""Many rows at once are stored as each by itself would be, whatever is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import null, select

from nurture.adapters.store import together
from nurture.adapters.store.rows import FEW
from nurture.adapters.store.tables import leads
from nurture.adapters.store.unit import SqlStore
from nurture.domain.enrollment import Place
from nurture.domain.touch import Reason, State, Touch
from nurture.ports.rows import SentText
from tests.builders import a_lead, a_store, an_enrollment
from tests.builders import a_touch as stored
from tests.fakes import A_TUESDAY as NOW

MANY: Final = FEW + 5
ODD: Final = (
    "",
    "plain",
    'it\'s "quoted" \\ {here} %s :key',
    "Zoë 李 🙂 \u2028",
    "two\nlines\tand a tab",
    "null",
    "[1]",
)
MOMENTS: Final = (
    NOW,
    NOW + timedelta(microseconds=1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(2027, 3, 28, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))),
)


def odd(store: SqlStore) -> list[Touch]:
    """Touches that are not stored yet, each with other values."""
    like = stored(store)
    return [
        replace(
            like,
            id=f"touch {number} {ODD[number % len(ODD)]}",
            step=f"step {number}",
            because=ODD[number % len(ODD)],
            reason=Reason.WINDOW if number % 2 else None,
            address=ODD[-number % len(ODD)] if number % 3 else None,
            due_at=MOMENTS[number % len(MOMENTS)],
            lease_until=MOMENTS[number % len(MOMENTS)] if number % 2 else None,
            ask=ODD[1 : number % len(ODD)],
        )
        for number in range(MANY)
    ]


def test_many_touches_come_back_as_they_were_given(store: SqlStore) -> None:
    new = odd(store)
    with store.unit() as work:
        work.touches.add(new)
        assert work.touches.get([one.id for one in new]) == {one.id: one for one in new}
        work.commit()
    later = [
        replace(one, state=State.SENDING, attempt=1, because=other.because, ask=other.ask, sent_at=other.due_at)
        for one, other in zip(new, reversed(new), strict=True)
    ]
    with store.unit() as work:
        assert len(work.touches.save(later, was={one.id: (0, State.PLANNED) for one in new})) == MANY
        assert work.touches.get([one.id for one in later]) == {one.id: one for one in later}


def test_of_many_those_alone_are_changed_that_are_still_as_they_were(store: SqlStore) -> None:
    new = odd(store)
    enrolled = [an_enrollment(store) for _ in range(MANY)]
    ahead = {one.id for one in new[::2]}
    with store.unit() as work:
        work.touches.add(new)
        first = [replace(one, state=State.SENDING, attempt=1, because="first") for one in new if one.id in ahead]
        work.touches.save(first, was={one.id: (0, State.PLANNED) for one in first})
        second = [replace(one, state=State.SENDING, attempt=1, because="second") for one in new]
        assert work.touches.save(second, was={one.id: (0, State.PLANNED) for one in new}) == {
            one.id for one in new if one.id not in ahead
        }
        kept = work.touches.get([one.id for one in new])
        assert {touch for touch, one in kept.items() if one.because == "first"} == ahead
        taken = [replace(one, fence=one.fence + (number % 2)) for number, one in enumerate(enrolled)]
        moved = [replace(one, next_at=MOMENTS[0]) for one in taken]
        assert work.enrollments.save(moved) == {one.id for one in taken[::2]}


def test_what_is_missing_is_missing_beside_what_is_there(store: SqlStore) -> None:
    rows: list[dict[str, Any]] = [
        {"id": a_lead(store).id, "custom": {"n": number} if number % 2 else None} for number in range(MANY)
    ]
    with store.unit() as work:
        work.leads.update_many(rows)
        work.commit()
    with store.engine.connect() as db:
        missing = db.execute(select(leads.c.id).where(leads.c.custom.is_(null()))).scalars()
        assert set(missing) == {row["id"] for row in rows if row["custom"] is None}


def test_many_enrollments_keep_what_they_remember(store: SqlStore) -> None:
    memories: Sequence[dict[str, Any]] = [{}, {ODD[2]: [1, 2.5, None, True]}, {"at": {"deep": ODD[3]}}]
    before = [an_enrollment(store) for _ in range(MANY)]
    after = [
        replace(
            one,
            place=Place(number, MOMENTS[number % len(MOMENTS)], memories[number % len(memories)]),
            next_at=MOMENTS[number % len(MOMENTS)] if number % 2 else None,
            waiting=number % 2 == 0,
        )
        for number, one in enumerate(before)
    ]
    with store.unit() as work:
        assert len(work.enrollments.save(after)) == MANY
        assert work.enrollments.get([one.id for one in after]) == {one.id: one for one in after}


def test_many_leads_keep_their_numbers_and_their_own_fields(store: SqlStore) -> None:
    rows: list[dict[str, Any]] = [
        {"id": a_lead(store).id, "engagement": number / 7, "custom": {"note": ODD[number % len(ODD)], "n": number / 3}}
        for number in range(MANY)
    ]
    with store.unit() as work:
        work.leads.update_many(rows)
        for row in rows:
            columns = work.leads.columns(row["id"])
            assert {name: columns[name] for name in row} == row


def test_values_that_python_takes_for_equal_stay_what_they_are(store: SqlStore) -> None:
    numbers = (1, True, 1.0)
    rows: list[dict[str, Any]] = [
        {"id": a_lead(store).id, "fit": (1, 2.5, 3.0)[number % 3], "custom": {"n": numbers[number % 3]}}
        for number in range(MANY)
    ]
    with store.unit() as work:
        work.leads.update_many(rows)
        for row in rows:
            columns = work.leads.columns(row["id"])
            assert {name: repr(columns[name]) for name in row} == {
                name: repr(float(value) if name == "fit" else value) for name, value in row.items()
            }


def test_a_text_that_is_kept_again_replaces_the_one_before(store: SqlStore) -> None:
    many = 60
    ids = [stored(store).id for _ in range(many)]
    with store.unit() as work:
        for attempt in range(2):
            mail = (f"{ODD[2]} {attempt}", f"<p>{ODD[3]}</p>", ODD[4])
            work.touches.save_texts(
                work.touches.lay_out([SentText(one, "a", f"{one}@x.example", *mail, again=attempt > 0) for one in ids])
            )
        assert {work.touches.text(one) for one in ids} == {(f"{ODD[2]} 1", f"<p>{ODD[3]}</p>", ODD[4])}


def test_a_moment_without_a_zone_is_refused(postgres_store: SqlStore) -> None:
    lead = a_lead(postgres_store).id
    with postgres_store.engine.connect() as db, pytest.raises(ValueError, match="without a zone"):
        together.change(db, leads, {"key": [lead], "changed_at": [NOW.replace(tzinfo=None)]})


EXACT: Final = (0.1 + 0.2, 1e-310, 1e22 / 3, 5.0)  # fractions of which a text may keep less than the value has


def test_what_a_text_would_not_bring_over_is_stored_as_it_is(tmp_path: Path) -> None:
    with a_store(f"sqlite:///{tmp_path / 'w.db'}") as store:
        new = [replace(stored(store), because=f"{number}\0behind") for number in range(MANY)]
        worth = {a_lead(store).id: EXACT[number % len(EXACT)] for number in range(MANY)}
        with store.unit() as work:
            assert len(work.touches.save(new, was={one.id: (0, State.PLANNED) for one in new})) == MANY
            work.leads.update_many([{"id": lead, "engagement": value} for lead, value in worth.items()])
            work.commit()
        with store.unit(write=False) as work:
            assert work.touches.get([one.id for one in new]) == {one.id: one for one in new}
        with store.engine.connect() as db:
            held = {row.id: row.engagement for row in db.execute(select(leads.c.id, leads.c.engagement))}
            assert held.items() >= worth.items()
