"""Somebody leaves people.yaml with open work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nurture.domain.errors import RefusedError
from nurture.domain.touch import Channel, State
from nurture.domain.workspace import Workspace
from nurture.flow.handoff import accept
from nurture.moves.leaving import hand_over
from tests.builders import a_lead, a_touch
from tests.flow.sales_floor import KIM, LEE, SAM, Floor, a_floor


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    with a_floor(tmp_path) as made:
        yield made


def leave(floor: Floor, *, deputy: str | None) -> None:
    """Lee is taken out of the file."""
    people = (replace(LEE, deputy=deputy), KIM, SAM)
    before = Workspace(people={one.email: one for one in people})
    after = Workspace(people={one.email: one for one in (KIM, SAM)})
    with floor.store.unit() as work:
        hand_over(work, before, after, now=floor.clock.now(), by="otto")
        work.commit()


def test_who_has_open_work_and_no_deputy_cannot_leave(floor: Floor) -> None:
    floor.staff(LEE, SAM)
    floor.offered()
    with pytest.raises(RefusedError, match=r"takes it over: Lee \(handoffs: 1, tasks: 0\)"):
        leave(floor, deputy=None)


def test_the_deputy_takes_offers_leads_and_tasks(floor: Floor) -> None:
    floor.staff(LEE, SAM)
    first, number = floor.offered()
    accept(floor.desk, number)
    second, _ = floor.offered()
    third = a_lead(floor.store)
    values = {"channel": Channel.CALL, "state": State.OPEN, "assigned": "Lee", "claimed_by": LEE.email}
    a_touch(floor.store, lead=third, enrollment=None, **values)
    leave(floor, deputy=KIM.email)
    assert [floor.handed(one)[-1] for one in (first, second)] == [("accepted", KIM.email), ("offered", KIM.email)]
    assert floor.lead(first)["owner"] == KIM.email
    assert [(one.assigned, one.claimed_by) for one in floor.tasks(third)] == [(KIM.email, None)]


def test_who_has_nothing_open_just_leaves(floor: Floor) -> None:
    leave(floor, deputy=None)
