"""Six months with a bank's contacts: every touch is accounted for, and none goes out twice.

The file of real contacts is read where it lies beside the repository; rows of its shape take the same way anywhere.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys import bank


@pytest.mark.timeout(300)
def test_every_touch_of_six_months_is_accounted_for(tmp_path: Path) -> None:
    file = bank.rows_of_the_same_shape(tmp_path / "bank.csv", 80)
    contacts, lived, touches = bank.journey(tmp_path, file, hours=(10, 16), days=bank.DAYS[::2])
    assert contacts == 80
    bank.accounted(80, lived, touches)
    bank.within_limits_and_windows(lived, touches)


@pytest.mark.timeout(600)
def test_every_touch_of_the_real_contacts_is_accounted_for(tmp_path: Path) -> None:
    for file in filter(Path.exists, [bank.REAL]):  # beside the repository, where it is at hand
        # All of them are leads; so many are enrolled that it stays quick. All at once: python -m benchmarks.bank
        contacts, lived, touches = bank.journey(tmp_path, file, hours=(10, 16), days=bank.DAYS[::4], at_most=150)
        assert contacts == 4119
        bank.accounted(150, lived, touches)
        bank.within_limits_and_windows(lived, touches)
