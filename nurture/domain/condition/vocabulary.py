"""What a condition may say: names and their types, functions, closed vocabularies, and how texts compare."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, StrEnum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from nurture.domain.fact import FactName
from nurture.domain.lead import Stage, Status
from nurture.domain.response import CallOutcome, Grade, Intent, Kind
from nurture.domain.touch import Channel, State

if TYPE_CHECKING:
    from nurture.domain.duration import Duration


class Type(StrEnum):
    """What a value is. A value of another type at run time counts as missing."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth value"
    MOMENT = "moment"
    ANY = "custom field"  # text, that may be read as a number or a truth value
    LIST = "list"


NAMES: Final[Mapping[str, Type]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                *("email", "first_name", "last_name", "title", "phone", "company", "domain", "industry", "country"),
                *("timezone", "language", "source", "owner", "external_id", "status", "stage"),
            ),
            Type.TEXT,
        ),
        **dict.fromkeys(("employees", "revenue", "score", "fit", "engagement", "timeline_months"), Type.NUMBER),
        "asked_for_sales": Type.TRUTH,
        "created_at": Type.MOMENT,
        **{str(fact): Type.TRUTH for fact in FactName},
    }
)
# Of the response at hand: what `where` of a scoring rule may name besides.
RESPONSE_NAMES: Final[Mapping[str, Type]] = MappingProxyType(
    dict.fromkeys(("intent", "page", "url", "form", "outcome", "grade"), Type.TEXT)
)

# How a task ended; a touch that did not end by a person's word ends by its state.
_OUTCOMES: Final = frozenset({*CallOutcome, State.DONE, State.EXPIRED, State.CANCELED, State.SKIPPED, State.FAILED})
# A name or function that is compared with another word than these can never hold.
CLOSED: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "stage": frozenset(map(str, Stage)),
        "status": frozenset(map(str, Status)),
        "intent": frozenset(map(str, Intent)),
        "grade": frozenset(map(str, Grade)),
        "outcome": frozenset(map(str, _OUTCOMES)),
    }
)


class Parameter(Enum):
    """What a function takes at one place."""

    TEXT = auto()  # a name or function that is a text
    PIECE = auto()  # a quoted text, compared without regard to case
    WORD = auto()  # the same, a single word
    PLAIN = auto()  # a quoted text, kept as it is written
    CHANNEL = auto()
    KIND = auto()
    STAGE = auto()
    DURATION = auto()


# The words that a parameter may be.
CHOICES: Final[Mapping[Parameter, frozenset[str]]] = MappingProxyType(
    {
        Parameter.CHANNEL: frozenset(map(str, Channel)),
        Parameter.KIND: frozenset(map(str, Kind)),
        Parameter.STAGE: CLOSED["stage"],
    }
)


@dataclass(frozen=True, slots=True)
class Function:
    """A function: its result, its parameters, and how it is written. With `repeats` the last may come again."""

    result: Type
    parameters: tuple[Parameter, ...]
    usage: str
    repeats: bool = False


FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "contains": Function(Type.TRUTH, (Parameter.TEXT, Parameter.PIECE), "contains(text, 'a', ...)", repeats=True),
        "has_word": Function(Type.TRUTH, (Parameter.TEXT, Parameter.WORD), "has_word(text, 'a', ...)", repeats=True),
        "starts_with": Function(Type.TRUTH, (Parameter.TEXT, Parameter.PIECE), "starts_with(text, 'a')"),
        "clicked": Function(Type.TRUTH, (Parameter.PLAIN,), "clicked('TEMPLATE')"),
        "replied": Function(Type.TRUTH, (), "replied()"),
        "sent": Function(Type.TRUTH, (Parameter.PLAIN,), "sent('TEMPLATE')"),
        "visited": Function(Type.TRUTH, (Parameter.PLAIN,), "visited('/path')"),
        "outcome": Function(Type.TEXT, (Parameter.PLAIN,), "outcome('STEP')"),
        "touches": Function(Type.NUMBER, (Parameter.CHANNEL, Parameter.DURATION), "touches('CHANNEL', 'DURATION')"),
        "days_since": Function(Type.NUMBER, (Parameter.KIND,), "days_since('KIND')"),
        "colleagues": Function(Type.NUMBER, (Parameter.STAGE,), "colleagues('STAGE')"),
    }
)
# They read the lead's fields; the others ask its history.
OF_TEXT: Final = frozenset({"contains", "has_word", "starts_with"})
# What changes while nothing happens to the lead: asked anew each night. So do score and timeline, at known times.
OF_TIME: Final = frozenset({"days_since", "touches", "colleagues"})


class History(Protocol):
    """What the functions ask about one lead, as of one moment. Only what people did counts, never machines."""

    def clicked(self, template: str) -> bool:
        """Whether a link in this e-mail was followed."""

    def replied(self) -> bool:
        """Whether the lead replied to anything of this enrollment, or of any where there is none."""

    def sent(self, template: str) -> bool:
        """Whether this e-mail was sent to the lead."""

    def visited(self, page: str) -> bool:
        """Whether the lead visited this page or one below it."""

    def outcome(self, step: str) -> str | None:
        """How the task of this step ended; None while it has not."""

    def touches(self, channel: str, within: Duration) -> int:
        """How many touches were made on this channel, up to `within` ago."""

    def days_since(self, kind: str) -> float | None:
        """Days since the last response of this kind; None without any."""

    def colleagues(self, stage: str) -> int:
        """How many other leads of the same company are in this stage."""


def fold(text: str) -> str:
    """The text as conditions compare it: without regard to case, and however its accents are composed."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


# What separates words for has_word. A fixed list, because both databases must agree with us.
SEPARATORS: Final = " \t\n\r\u00a0.,;:/\\-_&+()[]{}|\"'!?*#@<>=~^%$`\u2013\u2014\u2018\u2019\u201c\u201d\u00b7\u2022"
_SPACES: Final = str.maketrans(dict.fromkeys(SEPARATORS, " "))


def words(folded: str) -> str:
    """A folded text with a space before and after each word."""
    return f" {folded.translate(_SPACES)} "


# At most 15 digits before the point and 9 behind: what a double holds and arithmetic cannot overflow.
_NUMERIC: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
# Arithmetic takes values up to this as they are; larger ones are missing. A divisor below the other counts as zero.
LARGEST: Final = 1e15
SMALLEST: Final = 1e-9
NO_WORDS: Final = frozenset({"", "false", "no", "n", "0", "off"})


def custom_text(value: Any) -> str | None:
    """A custom field's value as the text that is stored and compared; None for what cannot be one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return value.isoformat() if isinstance(value, date | datetime) else None


def custom_number(value: Any) -> float | None:
    """A custom field's value as a number; None where its text is not plainly one."""
    text = custom_text(value)
    return float(text) if text is not None and _NUMERIC.fullmatch(text) else None


def custom_truth(value: Any) -> bool | None:
    """A custom field's value as a truth value: an empty text, false, no, n, 0 and off are not true."""
    text = custom_text(value)
    return None if text is None else fold(text) not in NO_WORDS
