"""The single values that marketers write: durations, conditions, percents, rates, days, money, names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from nurture.adapters.cadence_files.nodes import Node
from nurture.adapters.cadence_files.report import Place, Report
from nurture.adapters.cadence_files.schema import WRONG, Json, Parsed, Shape, scalar
from nurture.domain.cadence import FiscalDay, YearDay
from nurture.domain.calendar import earlier_day, parse_hours, parse_window, zone
from nurture.domain.condition import RESPONSE_NAMES, Condition, ConditionError, parse
from nurture.domain.duration import SHORT, WORDS, Duration, parse_duration

_UNITS: Final = "|".join(sorted((*WORDS, *SHORT), key=len, reverse=True))
LASTS: Final = rf"[0-9]+ *(?:{_UNITS})"
_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}"
_PATH: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}(?:/[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}){0,4}"
_A_NAME: Final = re.compile(_NAME)
_A_PATH: Final = re.compile(_PATH)
_A_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


# The same words come again and again in the cadences of a workspace.
@lru_cache(maxsize=4096)
def _condition(text: str, *, response: bool) -> Condition:
    return parse(text, extra=RESPONSE_NAMES if response else {})


_duration: Final = lru_cache(maxsize=1024)(parse_duration)


@dataclass(frozen=True, slots=True)
class ConditionShape(Shape):
    """A condition; with `response`, one that may also name what a response has of its own."""

    response: bool = False

    def read(self, node: Node, report: Report, where: str) -> Any:
        found = scalar(node, report, where, "a condition")
        if found is None:
            return WRONG
        text = Place(found.line, found.column + (not found.plain))
        try:
            condition = _condition(found.text, response=self.response)
        except ConditionError as error:
            # In a value of several lines the reader has folded the lines; its beginning is the best place there is.
            ahead = error.offset if found.one_line else 0
            report.error(Place(text.line, text.column + ahead), f"{where}: {error.message}")
            return WRONG
        report.mention(text, "condition", condition, where, one_line=found.one_line)
        return condition

    def schema(self) -> Json:
        return {"type": ["string", "boolean"], "pattern": r"\S"}


def _lasting(text: str) -> Duration:
    duration = _duration(text)
    if not duration.amount:
        raise ValueError(f"{text!r} is no time at all: write at least '1 {duration.unit.removesuffix('s')}'.")
    return duration


def _again(text: str) -> Duration | None:
    if text == "never":
        return None
    if not text.startswith("after "):
        raise ValueError(f"{text[:40]!r} is not known: write 'never', or for example 'after 180 days'.")
    return _duration(text.removeprefix("after "))


def _rate(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,9}) +per +day", text)
    if not found or not int(found[1]):
        raise ValueError(f"{text[:40]!r} is not a rate: write for example '200 per day'.")
    return int(found[1])


def _percent(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%", text)
    if not found or float(found[1]) > 100:
        raise ValueError(f"{text[:40]!r} is not a percentage: write for example '5%', from 0% to 100%.")
    return float(found[1])


def parse_day(text: str) -> date:
    """A day as YYYY-MM-DD. Raises ValueError, also for a day that no calendar has."""
    if not re.fullmatch(_A_DAY, text):
        raise ValueError(f"{text[:40]!r} is not a day: write it as YYYY-MM-DD.")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} is a day that no calendar has.") from None


def _days(text: str) -> tuple[date, date]:
    first, dots, last = text.partition("..")
    span = (parse_day(first), parse_day(last if dots else first))
    if span[0] > span[1]:
        raise ValueError(f"{text} ends before it begins.")
    return span


def _until(text: str) -> date | YearDay | FiscalDay:
    if found := re.fullmatch(r"([0-9]{2})-([0-9]{2})", text):
        month, day = int(found[1]), int(found[2])
        try:
            date(2024, month, day)  # a leap year has every day that exists
        except ValueError:
            raise ValueError(f"{text} is a day that no year has: write it as MM-DD.") from None
        return YearDay(month, day)
    if found := re.fullmatch(r"fiscal_year(?: *- *(.+))?", text):
        if found[1] is None:
            return FiscalDay()
        before = _lasting(found[1])
        earlier_day(date(2024, 1, 1), before)  # refuses what is not counted in days
        return FiscalDay(before)
    if not re.match(r"[0-9]{4}-", text):
        raise ValueError(
            f"{text[:40]!r} is not a day to wait for: write MM-DD, YYYY-MM-DD or for example 'fiscal_year - 3 months'."
        )
    return parse_day(text)


def _money(text: str) -> tuple[Decimal, str]:
    found = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,4})?) +([A-Z]{3})", text)
    if not found:
        raise ValueError(f"{text[:40]!r} is not an amount with a currency: write for example '42000 EUR'.")
    return Decimal(found[1]), found[2]


def _zone_name(text: str) -> str:
    zone(text)
    return text


def _week(text: str) -> str:
    parse_window(days=text)
    return text


def _hours(text: str) -> str:
    parse_window(hours=text)
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        raise ValueError(f"{text[:60]!r} is not an e-mail address.")
    return text.lower()


def _path(text: str) -> str:
    if not _A_PATH.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is not a name: write letters, digits, '-', '_', '.', and '/' for a folder.")
    return text


def _name(text: str) -> str:
    if not _A_NAME.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is not a name: write letters, digits, '-' and '_'.")
    return text


def name(mention: str = "", what: str = "a name") -> Parsed:
    """A name that may stand in paths and addresses."""
    return Parsed(_name, what, f"^{_NAME}$", mention)


def path(mention: str = "") -> Parsed:
    """A name in a folder; nothing that leads out of it."""
    return Parsed(_path, "a name", f"^{_PATH}$", mention)


def address(mention: str = "") -> Parsed:
    """An e-mail address, in small letters."""
    return Parsed(_address, "an e-mail address", r"^[^@\s]+@[^@\s]+\.[^@\s]+$", mention)


_CLOCK: Final = r"[0-9]{1,2}:[0-9]{2} *- *[0-9]{1,2}:[0-9]{2}"
CONDITION: Final = ConditionShape()
DURATION: Final = Parsed(_duration, "a duration such as '3 days'", rf"^ *{LASTS} *$")
LASTING: Final = Parsed(_lasting, "a duration such as '3 days'", rf"^ *0*[1-9][0-9]* *(?:{_UNITS}) *$")
AGAIN: Final = Parsed(_again, "'never' or 'after 180 days'", rf"^(?:never|after +{LASTS} *)$")
RATE: Final = Parsed(_rate, "a rate such as '200 per day'", r"^0*[1-9][0-9]* +per +day$")
PERCENT: Final = Parsed(_percent, "a percentage such as '5%'", r"^(?:100(?:\.0+)?|[0-9]{1,2}(?:\.[0-9]{1,6})?) ?%$")
DAY: Final = Parsed(parse_day, "a day such as 2027-04-20", rf"^{_A_DAY}$")
DAYS: Final = Parsed(_days, "a day, or days such as 2026-12-24..2027-01-02", rf"^{_A_DAY}(?:\.\.{_A_DAY})?$")
UNTIL: Final = Parsed(
    _until, "a day such as 09-01", rf"^(?:{_A_DAY}|[0-9]{{2}}-[0-9]{{2}}|fiscal_year(?: *- *{LASTS})?)$"
)
MONEY: Final = Parsed(_money, "an amount such as '42000 EUR'", r"^[0-9]+(?:\.[0-9]{1,4})? +[A-Z]{3}$")
ZONE: Final = Parsed(_zone_name, "a time zone such as Europe/Paris", r"^[A-Za-z0-9_+/-]+$")
WEEK: Final = Parsed(_week, "days such as mon-fri", r"^[A-Za-z, -]+$")
HOURS: Final = Parsed(_hours, 'hours such as "09:00-17:00"', rf"^ *{_CLOCK} *$")
WEEK_HOURS: Final = Parsed(parse_hours, 'hours such as "mon-fri 09:00-17:00"', rf"^ *[A-Za-z, -]+ +{_CLOCK} *$")
