"""The only dice of the domain: a hash, always the same for the same parts."""

from __future__ import annotations

from hashlib import sha256


def chance(*parts: object) -> float:
    """A number in [0, 1) that is always the same for the same parts."""
    digest = sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def is_held_out(lead: int, cadence: str, percent: float) -> bool:
    """Whether this lead is in the held-out arm; the same across all versions of the cadence."""
    return percent > 0 and chance("holdout", lead, cadence) * 100 < percent
