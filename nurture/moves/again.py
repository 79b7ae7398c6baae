"""A transaction that was in another's way, and was undone for it, is made once more."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from nurture.domain.errors import CollisionError

P = ParamSpec("P")
T = TypeVar("T")
TIMES: Final = 5


def again(arrow: Callable[P, T]) -> Callable[P, T]:
    """The same arrow, which begins anew where the database undid its transaction for that of another.

    For an arrow that is one transaction, or that finds in the database how far it came: nothing is done twice by it.
    Raises CollisionError where others are in its way each time.
    """

    @wraps(arrow)
    def made(*given: P.args, **named: P.kwargs) -> T:
        for _ in range(TIMES - 1):
            try:
                return arrow(*given, **named)
            except CollisionError:
                continue
        return arrow(*given, **named)

    return made
