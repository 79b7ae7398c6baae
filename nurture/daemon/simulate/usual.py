"""What is usual where the history says too little: cautious shares of business-to-business mail, calls and offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nurture.domain.response import CallOutcome as Outcome
from nurture.domain.response import Intent, Kind

# Of all mails, so many get an answer of this kind.
MAIL: Final[Mapping[str, float]] = {
    Kind.BOUNCE: 0.004,
    Kind.UNSUBSCRIBE: 0.0025,
    Kind.COMPLAINT: 0.0002,
    Kind.AUTO_REPLY: 0.02,
    Kind.CLICK: 0.03,
    Kind.REPLY: 0.008,
}
INTENTS: Final[Mapping[str, float]] = {
    Intent.REQUEST: 0.06,
    Intent.INTERESTED: 0.19,
    Intent.QUESTION: 0.20,
    Intent.NOT_NOW: 0.25,
    Intent.REFUSAL: 0.20,
    Intent.OTHER: 0.10,
}
# Of those who click, so many then do this.
AFTER_CLICK: Final[Mapping[str, float]] = {"visit:/pricing": 0.10, "form:request": 0.015}
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
# Seconds from a mail to its answer, as evenly spaced quantiles.
DELAYS: Final[Mapping[str, tuple[float, ...]]] = {
    Kind.CLICK: (2 * MINUTE, 20 * MINUTE, 90 * MINUTE, 5 * HOUR, 22 * HOUR, 3 * DAY, 12 * DAY),
    Kind.REPLY: (10 * MINUTE, HOUR, 4 * HOUR, 20 * HOUR, 2 * DAY, 10 * DAY),
    Kind.UNSUBSCRIBE: (2 * MINUTE, 30 * MINUTE, 4 * HOUR, DAY, 6 * DAY),
    Kind.COMPLAINT: (10 * MINUTE, 6 * HOUR, 3 * DAY),
    Kind.BOUNCE: (30.0, 2 * MINUTE, 10 * MINUTE),
    Kind.AUTO_REPLY: (20.0, MINUTE, 5 * MINUTE),
}
CALLS: Final[Mapping[str, float]] = {
    Outcome.CONNECTED: 0.22,
    Outcome.VOICEMAIL: 0.38,
    Outcome.NO_ANSWER: 0.20,
    Outcome.GATEKEEPER: 0.06,
    Outcome.BUSY: 0.03,
    Outcome.CALLBACK: 0.02,
    Outcome.NOT_INTERESTED: 0.04,
    Outcome.WRONG_PERSON: 0.01,
    Outcome.WRONG_NUMBER: 0.01,
    "expired": 0.03,
}
MESSAGES: Final[Mapping[str, float]] = {Outcome.VOICEMAIL: 0.8, Outcome.NO_ANSWER: 0.17, "expired": 0.03}
OTHERS: Final[Mapping[str, float]] = {Outcome.REPLIED: 0.12, Outcome.NO_ANSWER: 0.85, "expired": 0.03}
ACCEPTED: Final = 0.75  # of offers that are answered in time
WON: Final = 0.25  # of accepted ones
TOLD: Final = 0.35  # of conversations in which a thing is asked
# What nobody says twice a year, or what a machine cannot draw: an agreed date without a person.
NOT_DRAWN: Final = frozenset({Outcome.MEETING_HELD, Outcome.MEETING_CANCELED, Outcome.NO_SHOW})
