"""What a lead surely has: by a condition that holds or does not, and along the way through a cadence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.condition import parse
from nurture.domain.guarantees import ALWAYS, guaranteed, guaranteed_unless, known_at
from nurture.domain.history import LeadHistory
from nurture.domain.walk import program_of
from tests.domain.test_cadence_structure import read
from tests.fakes import A_TUESDAY
from tests.flow.loop import a_cadence

NOBODY = LeadHistory(A_TUESDAY)


@pytest.mark.parametrize(
    ("text", "if_it_holds", "if_not"),
    [
        ("title == 'CEO'", "title", ""),
        ("title != 'CEO'", "title", ""),
        ("industry in ['food', 'paper'] and employees > 20", "industry employees", ""),
        ("industry not in ['food']", "industry", ""),
        ("title or company", "", ""),
        ("title and company", "title company", ""),
        ("not title", "", "title"),
        ("not (title and company)", "", "title company"),
        ("not (not title or not company)", "title company", ""),
        ("(title and company) or (title and phone)", "title", ""),
        ("revenue / employees > 1000", "revenue employees", ""),
        ("has_word(title, 'head')", "title", ""),
        ("x.tier == 'gold'", "x.tier", ""),
        ("x.tier", "x.tier", ""),
        ("clicked('one')", "", ""),
    ],
)
def test_a_condition_says_which_names_are_there(text: str, if_it_holds: str, if_not: str) -> None:
    condition = parse(text)
    assert guaranteed(condition) == frozenset(if_it_holds.split())
    assert guaranteed_unless(condition) == frozenset(if_not.split())


NAMES: dict[str, st.SearchStrategy[Any]] = {
    "title": st.sampled_from([None, "CEO", "x"]),
    "company": st.sampled_from([None, "Acme"]),
    "employees": st.sampled_from([None, 0, 5, 50]),
    "x.tier": st.sampled_from([None, "gold", "no"]),
}
ATOMS = """
title | title == 'CEO' | title != 'x' | company | employees > 3 | employees * 2 < 9 | employees in [5, 50]
| x.tier | x.tier == 'gold' | contains(title, 'e') | true | replied()
"""
atoms = st.sampled_from([atom.strip() for atom in ATOMS.split("|")])
conditions = st.recursive(
    atoms,
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=6,
)


@given(conditions, st.fixed_dictionaries(NAMES))
def test_what_is_guaranteed_is_never_missing(text: str, names: dict[str, Any]) -> None:
    condition = parse(text)
    sure = guaranteed(condition) if condition.holds(names, NOBODY) else guaranteed_unless(condition)
    assert all(names[name] is not None for name in sure), (text, names)


def test_along_the_way_branches_and_set_add_and_take_what_is_known() -> None:
    steps = """
    - email: one
    - if: company
      then: [{email: two}]
      else: [{email: three}]
    - set: {x.program: food, title: null}
    - email: four
    """
    cadence = read(a_cadence(steps, more="enroll: {when: title == 'CEO'}\n"))
    program = program_of(cadence)
    known = known_at(program)
    found = {name: known[at] - ALWAYS for name, at in program.contacts.items()}
    assert found == {"one": {"title"}, "two": {"title", "company"}, "three": {"title"}, "four": {"x.program"}}
