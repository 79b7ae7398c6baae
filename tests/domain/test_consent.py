"""What was recorded decides who may be written to: by channel, until it runs out, or until it is withdrawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.domain.consent import Basis, Consent, Medium, Standing, runs_out, standing

DAY = datetime(2026, 8, 31, 12, 0, tzinfo=UTC)
bases = st.sampled_from(list(Basis))
consents = st.lists(
    st.builds(
        Consent,
        basis=bases.map(str),
        at=st.integers(0, 2000).map(lambda days: DAY - timedelta(days=days)),
        channel=st.sampled_from([medium.value for medium in Medium]),
    ),
    max_size=5,
)


@pytest.mark.parametrize(
    ("basis", "country", "end"),
    [
        ("inquiry", "CA", datetime(2027, 2, 28, 12, 0, tzinfo=UTC)),  # six months after 31 August
        ("customer", "CA", datetime(2028, 8, 31, 12, 0, tzinfo=UTC)),
        ("opt_in", "CA", None),
        ("published", "CA", None),
        ("inquiry", "US", None),
        ("customer", None, None),
    ],
)
def test_canadas_two_clocks_run_from_the_inquiry_and_from_the_purchase(
    basis: str, country: str | None, end: datetime | None
) -> None:
    assert runs_out(Consent(basis, DAY), country) == end


def test_a_basis_that_says_until_when_it_holds_is_taken_at_its_word() -> None:
    assert runs_out(Consent("customer", DAY, DAY + timedelta(days=5)), "CA") == DAY + timedelta(days=5)


def test_a_basis_holds_until_the_moment_at_which_it_runs_out() -> None:
    end = runs_out(Consent("inquiry", DAY), "CA")
    assert end is not None
    held = [Consent("inquiry", DAY)]
    assert standing(held, country="CA", now=end - timedelta(seconds=1)) is Standing.GIVEN
    assert standing(held, country="CA", now=end) is Standing.EXPIRED


@given(consents, bases)
def test_what_is_recorded_for_one_channel_says_nothing_about_the_other(held: list[Consent], basis: Basis) -> None:
    before = standing(held, country="CA", now=DAY, medium=Medium.EMAIL)
    more = [*held, Consent(basis.value, DAY, channel=Medium.PHONE.value)]
    assert standing(more, country="CA", now=DAY, medium=Medium.EMAIL) is before


@given(consents)
def test_a_withdrawal_ends_everything_before_it_and_a_new_basis_is_one_again(held: list[Consent]) -> None:
    over = [*held, Consent("none", DAY)]
    assert standing(over, country="CA", now=DAY) is Standing.WITHDRAWN
    assert standing([*over, Consent("opt_in", DAY)], country="CA", now=DAY) is Standing.GIVEN


@given(consents)
def test_time_alone_never_gives_a_basis(held: list[Consent]) -> None:
    now, later = (standing(held, country="CA", now=at) for at in (DAY, DAY + timedelta(days=900)))
    assert later is not Standing.GIVEN or now is Standing.GIVEN
