"""Values in nurture.toml and the environment, read as they are set. Each raises ValueError that says what is expected.

From the environment everything comes as a text, so numbers and truth values are read from texts too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final

from nurture.domain.duration import LONGEST, parse_duration
from nurture.domain.rate import Ceiling, parse_rate, parse_warm_up

MOST_PORT: Final = 65535
Read = Callable[[object], Any]
TRUTHS = {**dict.fromkeys(("true", "yes", "on", "1"), True), **dict.fromkeys(("false", "no", "off", "0"), False)}


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that is never shown."""

    _text: str = ""

    def get_secret_value(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('**********')" if self._text else "Secret('')"

    __str__ = __repr__


def text(value: object) -> str:
    """A text."""
    if not isinstance(value, str) or "\0" in value:  # no file and no database takes the zero character
        raise ValueError(f"{value!r} must be a text, in quotes")
    return value


def secret(value: object) -> Secret:
    """A text that is never shown, not even where it is wrong."""
    if not isinstance(value, str):
        raise ValueError("it must be a text, in quotes")
    return Secret(value)


def truth(value: object) -> bool:
    """true or false."""
    found = value if isinstance(value, bool) else TRUTHS.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} must be true or false")
    return found


def number(least: int, most: int | None = None) -> Read:
    """What reads a whole number within bounds."""

    def read(value: object) -> int:
        try:
            found = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else least - 1
        except ValueError:
            found = least - 1
        if found < least or (most is not None and found > most):
            bounds = f"from {least} to {most}" if most is not None else f"from {least} on"
            raise ValueError(f"{value!r} must be a whole number {bounds}")
        return found

    return read


def one_of(*words: str) -> Read:
    """What reads one of some words."""

    def read(value: object) -> str:
        if value not in words:
            raise ValueError(f"{value!r} must be one of {', '.join(words)}")
        return str(value)

    return read


def span(value: object) -> timedelta:
    """A duration in words, or a number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _seconds(value)
    if not isinstance(value, str):
        raise ValueError("a duration is a number of seconds or words such as '30 minutes'")
    words = value.strip()
    if words.isascii() and words.replace(".", "", 1).isdigit():
        return _seconds(float(words))
    return parse_duration(words).span


def _seconds(number: float) -> timedelta:
    if not 0 <= number <= LONGEST.total_seconds():  # nor is it what is no number
        raise ValueError(f"{str(number)[:40]} seconds is no duration: it must be from 0 to a hundred years")
    return timedelta(seconds=number)


def some_time(value: object) -> timedelta:
    """A duration that is longer than nothing."""
    if not (found := span(value)):
        raise ValueError(f"{value!r} must be longer than nothing")
    return found


def day_of_year(value: object) -> tuple[int, int]:
    """Month and day, `07-01`."""
    try:
        found = datetime.strptime(f"2000-{value}", "%Y-%m-%d")  # noqa: DTZ007 (a day of each year)
    except ValueError:
        raise ValueError(f"{value!r} must be a day of the year, MM-DD: write for example '07-01'") from None
    return found.month, found.day


def share(value: object) -> float:
    """A share in percent, `0.1%`, or as a number."""
    words = str(value).strip()
    try:
        found = float(words.removesuffix("%")) / (100 if words.endswith("%") else 1)
    except ValueError:
        found = -1.0
    if isinstance(value, bool) or not 0 <= found <= 1:
        raise ValueError(f"{value!r} must be a share: write for example '0.1%'; '0%' lifts it")
    return found


def _ceiling(parse: Callable[[str], Ceiling]) -> Read:
    """What reads words that `parse` understands; an empty text is none."""

    def read(value: object) -> Ceiling | None:
        if not isinstance(value, str):
            raise ValueError(f"{value!r} must be a rate: write for example '100 per hour'")
        return parse(value) if value.strip() else None

    return read


rate = _ceiling(parse_rate)
warm_up = _ceiling(parse_warm_up)


def hour(value: object) -> time:
    """A time of the day, `08:00`."""
    if isinstance(value, time):  # as TOML has it
        return value
    try:
        return datetime.strptime(str(value).strip(), "%H:%M").time()  # noqa: DTZ007 (of the workspace's zone)
    except ValueError:
        raise ValueError(f"{value!r} must be a time of the day: write for example '08:00'") from None
