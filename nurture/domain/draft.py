"""All that a mail is rendered from, besides its template, as plain values that can go to another process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nurture.domain.changed import Carried, carried

if TYPE_CHECKING:
    from nurture.domain.message import Message
    from nurture.domain.policy import Sender


Quoted = Callable[[], tuple[str, str]]  # HTML and text of a mail as they stand in JSON between quotes
Pack = Callable[["Message", Quoted | None], "Message"]  # makes the provider's request and puts it into the message


@dataclass(frozen=True, slots=True)
class Draft:
    """What a touch's mail is made of. `names` are the lead's; `attempt` is the one that this mail is for."""

    touch: str
    attempt: int
    template: str
    cadence: str
    sender: Sender
    names: Mapping[str, Any]
    to: str
    to_name: str
    track_links: bool
    at: datetime

    def __reduce__(self) -> Carried:
        return carried(self)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message ready to go, and the links in it: id -> target."""

    message: Message
    links: dict[str, str]

    def __reduce__(self) -> Carried:
        return carried(self)


@dataclass(frozen=True, slots=True)
class Unrendered:
    """Why a mail cannot be made for its lead, in words."""

    because: str
    mistake: bool = False  # of the program itself: no lead and no template is at fault
