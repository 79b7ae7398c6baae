"""The touch state machine: one contact attempt that one step makes with one lead. It happens once.

The table below is section 10 of the design, the send protocol. A pair of state and event is a move, or
changes nothing, or is impossible; only our own commands can be impossible, never a report from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import product
from typing import Final

from nurture.domain.errors import RefusedError

TouchId = str


class Channel(StrEnum):
    """How a lead is contacted."""

    EMAIL = "email"
    CALL = "call"
    VOICEMAIL = "voicemail"
    LINKEDIN = "linkedin"
    LETTER = "letter"
    SMS = "sms"
    WEBHOOK = "webhook"
    OTHER = "other"


# A person does these; the others go out by themselves.
BY_PEOPLE: Final = frozenset(Channel) - {Channel.EMAIL, Channel.WEBHOOK}
BY_PHONE: Final = frozenset({Channel.CALL, Channel.VOICEMAIL, Channel.SMS})
REPLY_STEP: Final = "reply"  # the step of a task to answer somebody


class State(StrEnum):
    """Where a touch stands. The first seven are of mail and webhooks, the last four of tasks; both can be planned,
    skipped or failed."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    FAILED = "failed"
    OPEN = "open"
    DONE = "done"
    EXPIRED = "expired"
    CANCELED = "canceled"


class Event(StrEnum):
    """What moves a touch."""

    INTEND = "intend"  # the intent is committed; a request may leave
    ACCEPTED = "accepted"  # the provider has it: its own answer, a verified event, its log
    TRY_AGAIN = "try_again"  # certainly not taken, and may be tried again
    NEVER = "never"  # certainly not taken, or cannot be made
    NO_ANSWER = "no_answer"  # nobody knows
    NOT_ACCEPTED = "not_accepted"  # settled: it was not taken
    GIVE_UP = "give_up"  # nothing will settle it
    SKIP = "skip"
    HAND_OUT = "hand_out"  # a task is given to a person
    DO = "do"  # the person did it
    EXPIRE = "expire"
    CANCEL = "cancel"


# A report from outside is true in every state: a provider answers late, repeats itself, and its webhook can
# overtake the answer to our own call.
REPORTS: Final = frozenset({Event.ACCEPTED})

MOVES: Final[dict[tuple[State, Event], State]] = {
    (State.PLANNED, Event.INTEND): State.SENDING,
    (State.PLANNED, Event.SKIP): State.SKIPPED,
    (State.PLANNED, Event.NEVER): State.FAILED,  # it does not render
    (State.PLANNED, Event.ACCEPTED): State.SENT,
    (State.PLANNED, Event.HAND_OUT): State.OPEN,
    (State.SENDING, Event.ACCEPTED): State.SENT,
    (State.SENDING, Event.TRY_AGAIN): State.PLANNED,
    (State.SENDING, Event.NEVER): State.FAILED,
    (State.SENDING, Event.NO_ANSWER): State.IN_DOUBT,
    (State.FAILED, Event.ACCEPTED): State.SENT,
    (State.IN_DOUBT, Event.ACCEPTED): State.SENT,
    (State.IN_DOUBT, Event.NOT_ACCEPTED): State.PLANNED,
    (State.IN_DOUBT, Event.GIVE_UP): State.UNKNOWN,
    (State.UNKNOWN, Event.ACCEPTED): State.SENT,
    (State.UNKNOWN, Event.NOT_ACCEPTED): State.PLANNED,  # a person resends, before any later touch
    (State.SKIPPED, Event.ACCEPTED): State.SENT,
    (State.OPEN, Event.DO): State.DONE,
    (State.OPEN, Event.EXPIRE): State.EXPIRED,
    (State.OPEN, Event.CANCEL): State.CANCELED,
    (State.EXPIRED, Event.DO): State.DONE,  # done late is done
}

# Kept in the timeline, never an error.
NO_CHANGE: Final = frozenset(
    {
        (State.SENT, Event.ACCEPTED),
        (State.SENT, Event.NO_ANSWER),
        (State.SENT, Event.TRY_AGAIN),  # positive evidence won
        (State.SENT, Event.NEVER),
        (State.SENT, Event.NOT_ACCEPTED),
        (State.SENT, Event.GIVE_UP),
        (State.SKIPPED, Event.SKIP),
        (State.OPEN, Event.ACCEPTED),
        (State.DONE, Event.ACCEPTED),
        (State.DONE, Event.EXPIRE),
        (State.DONE, Event.CANCEL),
        (State.EXPIRED, Event.ACCEPTED),
        (State.EXPIRED, Event.CANCEL),
        (State.CANCELED, Event.ACCEPTED),
        (State.CANCELED, Event.CANCEL),
        (State.CANCELED, Event.EXPIRE),
    }
)

IMPOSSIBLE: Final = frozenset(product(State, Event)) - MOVES.keys() - NO_CHANGE

# Nothing more will happen by itself.
FINAL: Final = frozenset(
    {State.SENT, State.UNKNOWN, State.SKIPPED, State.FAILED, State.DONE, State.EXPIRED, State.CANCELED}
)
# The lead was contacted, or must be assumed to have been.
CONTACTED: Final = frozenset({State.SENDING, State.SENT, State.IN_DOUBT, State.UNKNOWN, State.DONE})


def moved(state: State, event: Event) -> State:
    """The state after `event`; the same state where it changes nothing.

    Raises RefusedError for a pair that cannot be: that is a command of ours which came too late.
    """
    if (state, event) in MOVES:
        return MOVES[state, event]
    if (state, event) in NO_CHANGE:
        return state
    raise RefusedError(f"A touch that is {state} cannot {event.replace('_', ' ')}.", hint="See: nurture touch show ID")


class Reason(StrEnum):
    """Why a touch is not made, or not yet. The codes are contract; the sentences are for people."""

    LIMIT_LEAD = "limit_lead"
    LIMIT_COMPANY = "limit_company"
    LIMIT_DOMAIN = "limit_domain"
    LIMIT_SENDER = "limit_sender"
    WINDOW = "window"
    FIRST_WAVE = "first_wave"
    SUPPRESSED = "suppressed"
    NO_CONSENT = "no_consent"
    PAUSED = "paused"
    STOPPED = "stopped"
    ALREADY_HAD = "already_had"
    HOLDOUT = "holdout"
    NO_ADDRESS = "no_address"
    RENDER = "render"
    PROVIDER_REFUSED = "provider_refused"
    MAILER_PAUSED = "mailer_paused"
    BREAKER = "breaker"
    DOWNTIME = "downtime"
    COLLEAGUE_OFFERED = "colleague_offered"
    ATTEMPTS_USED = "attempts_used"
    CALLS_PER_DAY = "calls_per_day"


SENTENCES: Final[dict[Reason, str]] = {
    Reason.LIMIT_LEAD: "This lead was contacted as often as the limits allow.",
    Reason.LIMIT_COMPANY: "As many people of this company as the limits allow were contacted in the last 7 days.",
    Reason.LIMIT_DOMAIN: "As many mails as allowed went to this mail domain within the hour.",
    Reason.LIMIT_SENDER: "The sender's rate is used up.",
    Reason.WINDOW: "It waits for the next open contact window in the lead's own time zone.",
    Reason.FIRST_WAVE: "The first mails of a new e-mail went out and are being watched before the rest follow.",
    Reason.SUPPRESSED: "This address or person must not be contacted.",
    Reason.NO_CONSENT: "No basis for e-mail is recorded for this lead, and mail.without_basis is 'hold'.",
    Reason.PAUSED: "The lead, the cadence or all sending is paused.",
    Reason.STOPPED: "The enrollment ended before this touch.",
    Reason.ALREADY_HAD: "The lead already had this e-mail.",
    Reason.HOLDOUT: "The lead is in the held-out arm: its waits run, no contact is made.",
    Reason.NO_ADDRESS: "There is no usable address or number for this channel.",
    Reason.RENDER: "The template could not be rendered for this lead.",
    Reason.PROVIDER_REFUSED: "The mail provider refused this message for good.",
    Reason.MAILER_PAUSED: "The mailer is paused because of a problem with the account or the connection.",
    Reason.BREAKER: "Several requests in a row got no clear answer; one is tried every 30 seconds.",
    Reason.DOWNTIME: "The program was not running when this was due; one catch-up touch goes first.",
    Reason.COLLEAGUE_OFFERED: "A colleague at the same company is being offered to sales.",
    Reason.ATTEMPTS_USED: "All attempts of the qualification are used.",
    Reason.CALLS_PER_DAY: "The caller's calls for this day are used up.",
}


@dataclass(frozen=True, slots=True)
class Touch:
    """A touch, as stored. `sent_at` is when it was sent, or done by a person.

    `doubted_at`: nobody knows since then whether its last attempt went through; the attempt was over by then.
    """

    id: TouchId
    lead: int
    step: str
    channel: Channel
    state: State
    due_at: datetime
    created_at: datetime
    enrollment: int | None = None
    company: int | None = None
    cadence: str = ""
    version: int = 0
    occurrence: int = 1
    template: str = ""
    reason: Reason | None = None
    because: str = ""
    attempt: int = 0
    intent_at: datetime | None = None
    lease_until: datetime | None = None
    doubted_at: datetime | None = None
    sent_at: datetime | None = None
    counted_at: datetime | None = None  # when it counts against the limits on pressure; None: it does not
    sender: str | None = None
    address: str | None = None
    domain: str | None = None
    mailer: str | None = None
    provider_id: str | None = None
    message_id: str | None = None
    assigned: str | None = None
    claimed_by: str | None = None
    expires_at: datetime | None = None
    script: str | None = None
    ask: tuple[str, ...] = ()
    outcome: str | None = None
    note: str | None = None
