"""Lists of those who must not be contacted: taken in whatever their form, given out, and taken in again elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from nurture.domain.lead import OWN
from nurture.flow import persons, suppressing
from tests.builders import a_lead
from tests.flow.loop import Loop, a_loop


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    with a_loop(tmp_path, "- email: hello\n- call: intro") as made:
        yield made


def take(loop: Loop, *rows: Sequence[str]) -> suppressing.Taken:
    """A list, taken in."""
    return suppressing.take(rows, reason="a list", store=loop.store, now=loop.now, by="test")


def listed(loop: Loop) -> list[tuple[str, str, str]]:
    """Address, scope and reason of all."""
    with loop.store.unit(write=False) as work:
        return [(one.address, one.scope, one.reason) for one in work.suppressions.all()]


@pytest.mark.parametrize(
    "rows",
    [
        [["Ada@Example.com"]],
        [["email", "created"], ["ada@example.com", "1700000000"]],
        [["status", "reason", "email", "created"], ["", "a list", " ADA@example.com ", "1"]],
        [["Address", "Scope"], ["ada@example.com", "all"]],
    ],
)
def test_a_list_is_read_in_the_form_in_which_providers_write_it(loop: Loop, rows: list[list[str]]) -> None:
    take(loop, *rows)
    assert listed(loop) == [("ada@example.com", "all", "a list")]


@pytest.mark.parametrize(
    "rows",
    [
        [["ada@example.com", " Bob <BOB@example.com>"], ["cy@example.com", ""]],
        [["ada@example.com", "bob@example.com", "cy@example.com"]],
        [["", "ada@example.com", "bob@example.com", "asked dana@acme.example to", "cy@example.com"]],
        [["Ada <ada@example.com>; bob@example.com;", "Cy <cy@example.com>;"]],
        [["ada@example.com", "bob@example.com; Cy <cy@example.com>"]],
        [["email"], ["ada@example.com", "bob@example.com"], ["cy@example.com"]],
    ],
)
def test_a_list_that_was_pasted_loses_none_of_the_addresses_of_a_line(loop: Loop, rows: list[list[str]]) -> None:
    assert take(loop, *rows).added == 3
    assert listed(loop) == [(f"{who}@example.com", "all", "a list") for who in ("ada", "bob", "cy")]


def test_beside_named_columns_only_the_named_one_holds_addresses(loop: Loop) -> None:
    take(loop, ["email", "sender"], ["ada@example.com", "dana@acme.example"])
    assert [one[0] for one in listed(loop)] == ["ada@example.com"]


def test_our_own_list_can_be_taken_in_elsewhere_with_those_who_were_forgotten(loop: Loop, tmp_path: Path) -> None:
    persons.forget(a_lead(loop.store, email="ada@example.com").id, store=loop.store, now=loop.now, by="test")
    take(loop, ["bob@example.com", "email", "hard_bounce"], ["+33155550100", "phone"])
    written = [one for one in listed(loop) if not one[0].startswith(OWN)]  # as `suppression export` leaves them out
    (tmp_path / "other").mkdir()
    with a_loop(tmp_path / "other", "- email: hello") as other:
        done = take(other, ("address", "scope", "reason"), *written)
        assert (done.added, done.refused) == (3, [])
        assert listed(other) == written
        ada = a_lead(other.store, email="ada@example.com")
        other.enroll(ada)
        other.tick()
        assert other.states() == ["hello skipped"]
        assert take(other, *written).known == 3


def test_what_is_no_address_is_named_with_its_line_and_the_rest_goes_in(loop: Loop) -> None:
    done = take(loop, ["email"], ["ada@example.com"], ["nobody@"], [""], ["+33 1 55 55 01 00"])
    assert (done.added, [line for line, _ in done.refused]) == (2, [3])


def test_a_lead_on_a_list_is_left_alone_from_now_on(loop: Loop) -> None:
    ada, bob = a_lead(loop.store), a_lead(loop.store)
    loop.enroll(ada, bob)
    take(loop, [ada.email or ""])
    loop.tick()
    assert loop.enrollment(ada).state == "stopped"
    assert (loop.states(ada), loop.states(bob)[0]) == ([], "hello sent")
    suppressing.lift(ada.email or "", store=loop.store, now=loop.now, by="test")
    assert listed(loop) == []
