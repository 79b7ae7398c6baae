"""Words in nurture.toml that are read as they are set: durations, and how much may be sent in a span of time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Annotated

from pydantic import BeforeValidator

from nurture.domain.duration import parse_duration
from nurture.domain.rate import Ceiling, parse_rate, parse_warm_up


def _span(value: object) -> object:
    """A duration in words, or a number of seconds."""
    if isinstance(value, bool):
        raise ValueError("a duration is a number of seconds or words such as '30 minutes'")
    if isinstance(value, int | float):
        return timedelta(seconds=value)
    if isinstance(value, str):
        text = value.strip()
        if text.replace(".", "", 1).isdigit():
            return timedelta(seconds=float(text))
        return parse_duration(text).span
    return value


def _share(value: object) -> object:
    """A share in percent, `0.1%`, or as a number."""
    text = str(value).strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if isinstance(value, bool) or not 0 <= share <= 1:
        raise ValueError(f"{value!r} must be a share: write for example '0.1%'; '0%' lifts it")
    return share


def _read_by(parse: Callable[[str], Ceiling]) -> BeforeValidator:
    """Words that `parse` understands; an empty text is none."""

    def read(value: object) -> object:
        if value is None or isinstance(value, Ceiling):
            return value
        if not isinstance(value, str):
            raise ValueError(f"{value!r} must be a rate: write for example '100 per hour'")
        return parse(value) if value.strip() else None

    return BeforeValidator(read)


def _hour(value: object) -> object:
    """A time of the day, `08:00`."""
    if value is None or isinstance(value, time):
        return value
    try:
        return datetime.strptime(str(value).strip(), "%H:%M").time()  # noqa: DTZ007 (of the workspace's zone)
    except ValueError:
        raise ValueError(f"{value!r} must be a time of the day: write for example '08:00'") from None


Hour = Annotated[time | None, BeforeValidator(_hour)]
Span = Annotated[timedelta, BeforeValidator(_span)]
Share = Annotated[float, BeforeValidator(_share)]
Rate = Annotated[Ceiling | None, _read_by(parse_rate)]
WarmUp = Annotated[Ceiling | None, _read_by(parse_warm_up)]
