"""A cadence as immutable values: steps, waits, channels, branches, exits. What the YAML means, with its places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from nurture.domain.calendar import Window
from nurture.domain.condition import Condition

if TYPE_CHECKING:
    from nurture.domain.duration import Duration
    from nurture.domain.response import Kind
    from nurture.domain.touch import Channel


@dataclass(frozen=True, slots=True)
class Step:
    """One element of a cadence; `line` is where it stands in the file."""

    line: int


@dataclass(frozen=True, slots=True)
class Email(Step):
    """Send the e-mail that is this template."""

    id: str
    template: str
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class PersonTask(Step):
    """A call, a voicemail or other work of a person, with a rendered script."""

    id: str
    channel: Channel
    template: str
    within: Duration
    ask: tuple[str, ...] = ()
    assign: str = "caller"


@dataclass(frozen=True, slots=True)
class Webhook(Step):
    """POST lead, enrollment and step to a named address of the settings."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Wait(Step):
    """Wait this long after the last contact, or the last wait."""

    duration: Duration


@dataclass(frozen=True, slots=True)
class FiscalDay:
    """The first day of the fiscal year, less a duration."""

    before: Duration | None = None


@dataclass(frozen=True, slots=True)
class YearDay:
    """A day of each year."""

    month: int
    day: int


@dataclass(frozen=True, slots=True)
class WaitUntil(Step):
    """Wait for the next such day; farther away than `if_within`, go on at once."""

    day: date | YearDay | FiscalDay
    if_within: Duration | None = None


@dataclass(frozen=True, slots=True)
class WaitFor(Step):
    """Go on as soon as the condition holds, at the latest after `timeout`."""

    condition: Condition
    timeout: Duration


@dataclass(frozen=True, slots=True)
class If(Step):
    """One of two branches."""

    condition: Condition
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """One arm of a split; `percent` of all arms add up to 100."""

    percent: float
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Split(Step):
    """A fixed hash of lead, cadence and id decides which arm a lead takes."""

    id: str
    arms: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Stream(Step):
    """One item each `every`, the next that this lead has not had; `times` at most. `id`: stream-1, stream-2, ..."""

    id: str
    every: Duration
    items: tuple[str, ...]
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Set(Step):
    """Set fields of the lead."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Enroll(Step):
    """Hand over to another cadence; it ends this one."""

    cadence: str


@dataclass(frozen=True, slots=True)
class Stop(Step):
    """End here, with a word that says why."""

    word: str


Contact = Email | PersonTask | Webhook


@dataclass(frozen=True, slots=True)
class Entry:
    """Who comes in, how often, how fast."""

    when: Condition | None = None  # None: by hand only
    again: Duration | None = None  # None: never
    rate: int | None = None  # leads per workspace day
    arrived_within: Duration | None = None
    otherwise: str | None = None
    line: int = 1


@dataclass(frozen=True, slots=True)
class Cadence:
    """One cadence file, read and checked."""

    name: str
    steps: tuple[Step, ...]
    file: str = ""
    description: str = ""
    owner: str = ""
    entry: Entry = field(default_factory=Entry)
    exclusive: bool = True
    priority: int = 50
    window: Window = field(default_factory=Window)
    sender: str = ""  # `from`: a name under [senders], `owner`, or "" for the only sender
    goal: Condition | None = None
    goal_line: int = 0
    stop_on: frozenset[Kind] = frozenset()
    holdout: float = 0.0  # percent
    renamed: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)  # of each key, such as `enroll.rate`


# Not pinned: where a thing stands in the file, who may enter, and the items of a stream.
_LOOSE = frozenset(
    {"line", "lines", "goal_line", "file", "description", "owner", "entry", "priority", "holdout", "renamed", "items"}
)


def structure(cadence: Cadence) -> str:
    """A hash of what is pinned for leads in flight: steps, waits, branches, window, goal, sender and exits."""
    return sha256(_plain(cadence).encode()).hexdigest()[:16]


def _plain(value: object) -> str:
    if isinstance(value, Condition):
        return repr(value.text)
    if is_dataclass(value):
        parts = [f"{one.name}={_plain(getattr(value, one.name))}" for one in fields(value) if one.name not in _LOOSE]
        return f"{type(value).__name__}({','.join(parts)})"
    if isinstance(value, frozenset | set):
        return "{" + ",".join(sorted(_plain(one) for one in value)) + "}"
    if isinstance(value, tuple | list):
        return "[" + ",".join(_plain(one) for one in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_plain(value[key])}" for key in sorted(value)) + "}"
    return repr(value)
