"""The filters and tests that a template may use; every one bounded in time and size."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any, Final

from jinja2 import Undefined, filters, tests
from markupsafe import Markup, escape

from nurture.adapters.rendering.budget import MAX_OUTPUT, MAX_RANGE, TooMuchError, capped, counted, written
from nurture.adapters.rendering.holes import Hole

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# Our own, not strftime: that follows the machine's locale, and '%999999999d' takes a gigabyte.
_DATE_PARTS: Final[dict[str, Callable[[datetime], str]]] = {
    "%Y": lambda at: f"{at.year:04}",
    "%y": lambda at: f"{at.year % 100:02}",
    "%m": lambda at: f"{at.month:02}",
    "%-m": lambda at: str(at.month),
    "%B": lambda at: _MONTHS[at.month - 1],
    "%b": lambda at: _MONTHS[at.month - 1][:3],
    "%d": lambda at: f"{at.day:02}",
    "%-d": lambda at: str(at.day),
    "%A": lambda at: _DAYS[at.weekday()],
    "%a": lambda at: _DAYS[at.weekday()][:3],
    "%H": lambda at: f"{at.hour:02}",
    "%-H": lambda at: str(at.hour),
    "%I": lambda at: f"{at.hour % 12 or 12:02}",
    "%-I": lambda at: str(at.hour % 12 or 12),
    "%M": lambda at: f"{at.minute:02}",
    "%p": lambda at: "AM" if at.hour < 12 else "PM",
    "%%": lambda at: "%",
}


def missing(value: Any) -> bool:
    """Is there nothing to show: None or empty text. An unknown name is not missing but wrong, and raises."""
    if isinstance(value, Undefined):
        str(value)
    return value is None or value == ""


def default(value: Any, fallback: Any = "", boolean: bool = False) -> Any:
    """The value, or the fallback where it is missing (with `boolean` also where it is false or 0)."""
    return fallback if missing(value) or (boolean and not value) else value


def on_date(value: Any, pattern: str = "%-d %B %Y") -> str:
    """A date or moment (or its ISO text), written in English by a pattern such as '%-d %B %Y'."""
    if missing(value):
        return ""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, date):
        raise TypeError(f"date() takes a date, not {value!r}")
    at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001 (a day)

    def part(match: re.Match[str]) -> str:
        if match[0] not in _DATE_PARTS:
            raise ValueError(f"date(): unknown {match[0]!r}; known: {' '.join(_DATE_PARTS)}")
        return _DATE_PARTS[match[0]](at)

    return re.sub(r"%-?.?", part, str(pattern))


def join(items: Any, between: str = "") -> str:
    """The items as one text; missing ones are empty."""
    texts = ["" if item is None else item for item in counted(items)]
    if any(isinstance(text, Markup) for text in (*texts, between)):
        return Markup(escape(between)).join(texts)
    return capped(piece for text in texts for piece in (str(between), str(text)))[len(str(between)) :]


def replace(text: Any, old: str, new: str) -> str:
    """The text with every `old` replaced."""
    subject, old, new = str(text), str(old), str(new)
    if len(subject) + subject.count(old) * len(new) > MAX_OUTPUT:
        raise TooMuchError("too long after replace()")
    # Once marked as safe, a text stays safe only if what goes in is escaped.
    return Markup(subject.replace(old, escape(new))) if isinstance(text, Markup) else subject.replace(old, new)


def rounded(value: Any, digits: int = 0) -> float:
    """The number, rounded to that many digits (0 to 12)."""
    return round(float(value), min(max(int(digits), 0), 12))


def format_number(value: Any, digits: int = 0) -> str:
    """A number with thousands separators: 12,500."""
    return "" if missing(value) else f"{value:,.{min(max(int(digits), 0), 12)}f}"


def as_list(items: Any) -> list[Any]:
    """The items, at most 1,000."""
    found: list[Any] = []
    for item in counted(items):
        if len(found) == MAX_RANGE:
            raise TooMuchError(f"too many items (more than {MAX_RANGE:,})")
        found.append(item)
    return found


def text_of(function: Callable[[str], str]) -> Callable[[Any], str]:
    """The function on text; a missing value is empty text."""

    def apply(value: Any) -> str:
        if missing(value):
            return ""
        changed = function(value if isinstance(value, str) else str(value))
        return Markup(changed) if isinstance(value, Markup) else changed

    return apply


def bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter on text with its values in place, its result no longer than an e-mail may be."""

    def apply(*args: Any, **kwargs: Any) -> Any:
        result = function(*map(written, args), **{name: written(value) for name, value in kwargs.items()})
        if isinstance(result, str) and len(result) > MAX_OUTPUT:
            raise TooMuchError(f"too long (more than {MAX_OUTPUT:,} characters)")
        return result

    return apply


def _passing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter on text, which hands on as it is a text that is there."""
    on_text = bounded(function)

    def apply(value: Any, *args: Any, **kwargs: Any) -> Any:
        return value if isinstance(value, Hole) else on_text(value, *args, **kwargs)

    return apply


def _sequence(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(items: Any, *args: Any, **kwargs: Any) -> Any:
        return function(as_list(items), *args, **kwargs)

    return apply


def _escaped(value: Any) -> Any:
    """The value as it is: HTML escapes every value on output, and plain text must not be escaped."""
    return value


def _truncated(text: Any, length: int = 255, killwords: bool = False, end: str = "...") -> str:
    """The text cut to `length` characters, at a word unless `killwords`."""
    whole = "" if missing(text) else str(text)
    if len(whole) <= length:
        return whole
    kept = whole[: max(length - len(end), 0)]
    return (kept if killwords or " " not in kept else kept.rsplit(" ", 1)[0]) + end


def _wrapped(text: Any, width: int = 72) -> str:
    """The text in lines of at most `width` characters."""
    lines = str(text or "").splitlines()
    return "\n".join("\n".join(textwrap.wrap(line, max(int(width), 1))) for line in lines)


def _unique(items: Iterable[Any]) -> list[Any]:
    """The items without repeats, in order; text compares without regard to case."""
    seen: dict[Any, Any] = {}
    for item in items:
        seen.setdefault(item.casefold() if isinstance(item, str) else item, item)
    return list(seen.values())


def _sorted(items: list[Any], reverse: bool = False) -> list[Any]:
    return sorted(items, key=lambda item: item.casefold() if isinstance(item, str) else item, reverse=reverse)


_PLAIN: Final[dict[str, Callable[..., Any]]] = {
    "default": default,
    "d": default,
    "date": on_date,
    "join": join,
    "replace": replace,
    "round": rounded,
    "format_number": format_number,
    "upper": text_of(str.upper),
    "lower": text_of(str.lower),
    "title": text_of(filters.do_title),
    "capitalize": text_of(str.capitalize),
    "trim": text_of(str.strip),
    "length": lambda value: 0 if value is None else len(value),
    "count": lambda value: 0 if value is None else len(value),
    "int": lambda value, fallback=0: filters.do_int(value, fallback),
    "float": lambda value, fallback=0.0: filters.do_float(value, fallback),
    "abs": abs,
    "first": _sequence(lambda items: items[0] if items else None),
    "last": _sequence(lambda items: items[-1] if items else None),
    "sort": _sequence(_sorted),
    "unique": _sequence(_unique),
    "list": as_list,
    "truncate": _truncated,
    "wordwrap": _wrapped,
    "urlencode": filters.do_urlencode,
    "e": _escaped,
    "escape": _escaped,
}
FILTERS: Final[dict[str, Callable[..., Any]]] = {
    **{name: bounded(function) for name, function in _PLAIN.items()},
    **{name: _passing(_PLAIN[name]) for name in ("default", "d", "e", "escape")},
    # These only choose among items that exist; Jinja hands them its own context.
    "select": filters.do_select,
    "reject": filters.do_reject,
    "selectattr": filters.do_selectattr,
    "rejectattr": filters.do_rejectattr,
    "map": filters.do_map,
}

_TESTS: Final = frozenset(
    {
        *("none", "string", "number", "integer", "float", "boolean", "true", "false", "odd", "even", "divisibleby"),
        *("mapping", "sequence", "iterable", "in", "==", "!=", "<", "<=", ">", ">=", "eq", "ne", "lt", "le", "gt"),
        *("ge", "equalto", "greaterthan", "lessthan", "lower", "upper"),
    }
)
_JINJA: Final[dict[str, Any]] = dict(tests.TESTS)
TESTS: Final[dict[str, Callable[..., Any]]] = {
    **{name: bounded(_JINJA[name]) for name in _TESTS},
    "defined": lambda value: not isinstance(value, Undefined) and value is not None,
    "undefined": lambda value: isinstance(value, Undefined) or value is None,
}
