"""The quick copy of a value beside the one of the standard library."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.changed import changed


@dataclass(frozen=True, slots=True)
class Three:
    one: int
    two: str = ""
    three: tuple[int, ...] = ()


CHANGES = st.fixed_dictionaries(
    {}, optional={"one": st.integers(), "two": st.text(), "three": st.tuples(st.integers())}
)


@given(st.builds(Three), CHANGES)
def test_a_changed_copy_is_what_the_standard_library_makes(value: Three, changes: dict[str, object]) -> None:
    before = replace(value)
    assert changed(value, **changes) == replace(value, **changes)  # type: ignore[arg-type]
    assert value == before


def test_a_name_that_is_no_field_is_refused() -> None:
    with pytest.raises(KeyError, match="four"):
        changed(Three(1), four=4)
