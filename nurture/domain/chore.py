"""What a pass may have to do: each arrow with the rows that ask for it."""

from __future__ import annotations

from enum import StrEnum


class Chore(StrEnum):
    """One arrow of a pass."""

    SETTLE = "settle"
    NIGHTLY = "nightly"
    CROSS = "cross"
    RETURN = "return"
    PROMISE = "promise"
    ENROLL = "enroll"
    DISPATCH = "dispatch"
    PROMOTE = "promote"
    DEADLINE = "deadline"
