"""The contact history of a lead: one entry for each thing that happened to it, oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from nurture.domain.response import Kind, Response
from nurture.domain.touch import SENTENCES, Channel, State, Touch, TouchId


class Noted(Protocol):
    """A change in the history: what, when, by whom, in words."""

    @property
    def what(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def by(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `what` is a touch state, a response kind or the kind of a change."""

    at: datetime
    what: str
    text: str
    channel: str | None = None
    grade: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The keys of `lead timeline`."""
        return {
            "at": self.at.isoformat(),
            "what": self.what,
            "channel": self.channel,
            "grade": self.grade,
            "text": self.text,
        }


_CHANNELS: Final[dict[Channel, str]] = {
    Channel.EMAIL: "E-mail",
    Channel.CALL: "Call",
    Channel.VOICEMAIL: "Voicemail",
    Channel.LINKEDIN: "LinkedIn",
    Channel.LETTER: "Letter",
    Channel.SMS: "Text message",
    Channel.WEBHOOK: "Webhook",
    Channel.OTHER: "Task",
}
# Work that no cadence asked for has no step that a person would know by its name.
_WITHOUT_CADENCE: Final = {
    "reply": "Answer to their reply",
    "promise": "Call as promised",
    "fast-lane": "Call at once, as they asked for sales",
}
# Of these nothing has happened yet.
_TO_COME: Final = frozenset({State.PLANNED})
# Longer than this, a text is cut: a history is read at a glance, and the whole text is with the response.
LONGEST: Final = 400


def timeline(
    touches: Iterable[Touch],
    responses: Iterable[Response],
    changes: Iterable[Noted] = (),
    *,
    subjects: Mapping[TouchId, str] | None = None,
) -> tuple[Entry, ...]:
    """Everything that happened, oldest first; what is only planned is left out. `subjects`: of mails as sent."""
    heard = list(responses)
    told = {one.touch for one in heard if one.kind is Kind.CALL and one.touch}
    by_touch = {one.id: one for one in touches}
    entries = [
        _of_touch(one, (subjects or {}).get(one.id))
        for one in by_touch.values()
        if one.state not in _TO_COME and not (one.state is State.DONE and one.id in told)
    ]
    entries += [_of_response(one, by_touch.get(one.touch or "")) for one in heard]
    entries += [Entry(one.at, one.what, one.text) for one in changes]
    return tuple(sorted(entries, key=lambda entry: entry.at))


def _of_touch(touch: Touch, subject: str | None) -> Entry:
    at = touch.sent_at or touch.intent_at or touch.created_at
    name = _named(touch, subject)
    match touch.state:
        case State.SENT:
            text = f"{name} sent"
        case State.SENDING | State.IN_DOUBT:
            text = f"{name} on its way: no answer from the provider yet"
        case State.UNKNOWN:
            text = f"{name} may have been sent: nobody knows"
        case State.DONE:
            text = f"{name}: {(touch.outcome or 'done').replace('_', ' ')}"
        case State.OPEN:
            text = f"{name} to be done by {touch.due_at:%Y-%m-%d}"
        case State.EXPIRED:
            at, text = touch.expires_at or at, f"{name} was not done in time"
        case _:
            reason = touch.because or (SENTENCES[touch.reason] if touch.reason else "")
            text = f"{name} {touch.state}" + (f": {reason}" if reason else "")
    if touch.note:
        text += f" ({_cut(touch.note)})"
    return Entry(at, touch.state.value, text, channel=touch.channel.value)


def _named(touch: Touch, subject: str | None = None) -> str:
    if not touch.cadence and touch.step in _WITHOUT_CADENCE:
        return _WITHOUT_CADENCE[touch.step]
    return f"{_CHANNELS[touch.channel]} “{subject or touch.step}”"


def _of_response(response: Response, touch: Touch | None) -> Entry:
    channel = touch.channel.value if touch is not None else _CHANNEL_OF.get(response.kind)
    return Entry(response.at, response.kind.value, _said(response, touch), channel, response.grade.value)


_CHANNEL_OF: Final = {
    Kind.CALL: Channel.CALL.value,
    **dict.fromkeys((Kind.REPLY, Kind.AUTO_REPLY, Kind.BOUNCE, Kind.COMPLAINT), Channel.EMAIL.value),
}


def _said(response: Response, touch: Touch | None) -> str:
    detail = response.detail
    about = f" “{touch.step}”" if touch is not None else ""
    extra = str(detail.get("text") or "").strip()
    match response.kind:
        case Kind.CLICK:
            text = f"Followed a link{' in' + about if about else ''}: {response.url}"
        case Kind.OPEN:
            text = f"E-mail{about} opened (proves nothing)"
        case Kind.DELIVERED:
            text = f"E-mail{about} delivered"
        case Kind.REPLY:
            text = "Replied" + (f" ({response.intent.replace('_', ' ')})" if response.intent else "")
        case Kind.AUTO_REPLY:
            text = "Out-of-office reply" + (f", back on {detail['until']}" if detail.get("until") else "")
        case Kind.BOUNCE:
            text = f"E-mail{about} came back ({detail.get('bounce') or 'type not known'})"
        case Kind.COMPLAINT:
            text = "Marked our mail as spam"
        case Kind.UNSUBSCRIBE:
            text = "Unsubscribed"
        case Kind.CALL:
            name = _named(touch) if touch is not None else "Call"
            outcome = response.outcome.replace("_", " ") if response.outcome else "done"
            text = f"{name}: {outcome}{_agreed_for(detail)}"
        case Kind.FORM:
            text = f"Filled in {'the form ' + str(detail['form']) if detail.get('form') else 'a form'}"
        case Kind.VISIT:
            text = f"Visited {detail.get('page') or response.url or 'our site'}"
        case Kind.DOWNLOAD:
            text = f"Downloaded {detail.get('url') or detail.get('page') or 'something'}"
        case Kind.MEETING:
            text = "Meeting"
    return text + (f": “{_cut(extra)}”" if extra else "")


def _agreed_for(detail: Mapping[str, Any]) -> str:
    """The day that was agreed; its time of day is with the promise, in the zone of whoever keeps it."""
    return f", for {str(detail['until'])[: len('2027-01-15')]}" if detail.get("until") else ""


def _cut(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"
