"""All mail pauses at the shares that mail services ask senders to stay below, and not for a single mishap."""

from __future__ import annotations

import pytest

from nurture.domain.reception import Reception, too_bad


@pytest.mark.parametrize(
    ("mails", "bounced", "complained", "pauses"),
    [
        (1_000, 0, 1, "1 complaint among the last 1,000 mails (0.1%); the limit is 0.1%"),
        (1_000, 30, 0, "30 hard bounces among the last 1,000 mails (3.0%); the limit is 3.0%"),
        (200, 10, 0, "10 hard bounces among the last 200 mails (5.0%); the limit is 3.0%"),
        (50, 0, 2, "2 complaints among the last 50 mails (4.0%); the limit is 0.1%"),
        (1_000, 29, 0, ""),
        (999, 0, 1, ""),
        (20, 9, 1, ""),
        (0, 0, 0, ""),
    ],
)
def test_mail_pauses_at_the_limit_and_not_below_it(mails: int, bounced: int, complained: int, pauses: str) -> None:
    assert too_bad(Reception(mails, bounced, complained), complaints=0.001, bounces=0.03) == pauses


def test_a_limit_of_nothing_is_none() -> None:
    assert too_bad(Reception(1_000, 500, 500), complaints=0, bounces=0) == ""
