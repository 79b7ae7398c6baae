"""What a pass may have to do: each arrow with the rows that ask for it."""

from __future__ import annotations

from enum import StrEnum


class Chore(StrEnum):
    """One arrow of a pass, or one part of it that has rows of its own."""

    INCOMING = "incoming"
    SETTLE = "settle"
    NIGHTLY = "nightly"
    RESCORE = "rescore"
    CROSS = "cross"
    RETURN = "return"
    PROMISE = "promise"
    ENROLL = "enroll"
    WAKE = "wake"  # of dispatch: pauses that are over
    PACE = "pace"  # of dispatch: slots and first waves, which hold somebody back
    DISPATCH = "dispatch"
    PROMOTE = "promote"
    OFFER = "offer"  # of promote: the queue
    DEADLINE = "deadline"
    DELIVER = "deliver"
