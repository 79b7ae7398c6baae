"""Our dataclasses do what those of the standard library do; each pair here is written down once for both."""

from __future__ import annotations

import copy
import dataclasses
import operator
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, fields, replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurture.domain.dataclass import dataclass as ours

Maker = Callable[..., Any]


def made(maker: Maker, **how: bool) -> Any:
    """A class with a field of each kind, by one of the two."""

    @maker(**how)
    class Thing:
        """Something with fields."""

        number: int
        text: str = "a"
        many: list[int] = field(default_factory=list)
        hidden: float = field(default=0.5, repr=False, compare=False)
        fixed: tuple[int, ...] = field(init=False, default=(1, 2))
        fresh: dict[str, int] = field(init=False, default_factory=dict, compare=False)

    return Thing


def derived(maker: Maker, **how: bool) -> Any:
    """A class that adds to the fields of another, and looks at itself once it is made."""

    @maker(**how)
    class First:
        """Fields of its own."""

        number: int
        text: str = "a"

        def __post_init__(self) -> None:
            if self.number < 0:
                raise ValueError(f"{self.number} is too small")

    @maker(**how)
    class Second(First):
        """And more."""

        more: tuple[int, ...] = ()

    return Second


@cache
def both(**how: bool) -> tuple[Any, Any]:
    """The standard library's, and ours."""
    return made(dataclasses.dataclass, **how), made(ours, **how)


HOW = [
    {},
    {"frozen": True},
    {"slots": True},
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "order": True},
    {"frozen": True, "slots": True, "eq": False},
    {"slots": True, "unsafe_hash": True},
]


def answer(work: Callable[..., Any], *values: Any, **named: Any) -> Any:
    """What comes of it, also where that is an error."""
    try:
        return work(*values, **named)
    except (TypeError, ValueError) as problem:
        return type(problem), str(problem)


@pytest.mark.parametrize("how", HOW, ids=str)
@settings(max_examples=20)
@given(
    values=st.tuples(*[st.sampled_from([1, 2])] * 2, st.sampled_from(["a", "b"])), hidden=st.sampled_from([0.5, 1.5])
)
def test_they_are_made_shown_and_compared_alike(
    how: dict[str, bool], values: tuple[int, int, str], hidden: float
) -> None:
    seen = []
    for kind in both(**how):
        one, other = kind(values[0], many=[], hidden=hidden), kind(values[1], values[2])
        seen.append(
            [
                (one == other) if how.get("eq", True) else None,
                answer(operator.lt, one, other),
                answer(operator.ge, one, one),
                answer(hash, one) == answer(hash, one),
                repr(one),
                dataclasses.asdict(one),
                (one == 1, one != other) if how.get("eq", True) else None,
                replace(one, text="c").text,
                kind.__match_args__,
                [each.name for each in fields(kind)],
            ]
        )
    assert seen[0] == seen[1]


@pytest.mark.parametrize("how", HOW, ids=str)
def test_a_class_may_add_to_another_and_look_at_itself(how: dict[str, bool]) -> None:
    seen = []
    for maker in (dataclasses.dataclass, ours):
        kind = derived(maker, **how)
        one = kind(1, more=(2,))
        seen.append([(one.number, one.text, one.more), answer(kind, -1), answer(kind)])
    assert seen[0] == seen[1]


@pytest.mark.parametrize("how", [one for one in HOW if one.get("frozen")], ids=str)
def test_a_frozen_one_takes_no_other_value_and_loses_none(how: dict[str, bool]) -> None:
    one = made(ours, **how)(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'number'"):
        one.number = 2
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'number'"):
        del one.number
    assert one.number == 1


def test_each_has_a_fresh_list_of_its_own() -> None:
    kind = made(ours, slots=True)
    assert kind(1).many is not kind(1).many


@ours(frozen=True, slots=True)
class Packed:
    """At the top of a module, where `pickle` finds it."""

    number: int
    texts: tuple[str, ...] = ()


def test_a_frozen_one_can_be_copied_and_sent_to_another_process() -> None:
    one = Packed(1, ("a", "b"))
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == copy.copy(one) == one


def test_a_method_is_written_when_it_is_first_called_and_no_earlier() -> None:
    kind = made(ours, frozen=True, slots=True)
    before = {name: vars(kind)[name] for name in ("__init__", "__eq__", "__repr__")}
    assert kind(1) != kind(2)
    assert vars(kind)["__init__"] is not before["__init__"]
    assert vars(kind)["__eq__"] is not before["__eq__"]
    assert vars(kind)["__repr__"] is before["__repr__"]
