"""The only dice of the domain: a hash, always the same for the same parts."""

from __future__ import annotations

from hashlib import sha256


def chance(*parts: object) -> float:
    """A number in [0, 1) that is always the same for the same parts."""
    digest = sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def held_out_below(percent: float) -> int | None:
    """Held out is whose hash, as a whole number of 64 bits, is less than this; None: everybody.

    For a database that compares the bytes: it must come to the same as `is_held_out`, to the last bit.
    """
    low, high = 0, 2**64
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle / 2**64 * 100 < percent else (low, middle)
    return low if low < 2**64 else None


def is_held_out(lead: int, cadence: str, percent: float) -> bool:
    """Whether this lead is in the held-out arm; the same across all versions of the cadence."""
    return percent > 0 and chance("holdout", lead, cadence) * 100 < percent
