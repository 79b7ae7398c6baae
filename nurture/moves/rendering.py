"""A touch -> the message that goes out, or the script of a task: for dispatch, for a plan, and for a preview."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from html import unescape
from typing import TYPE_CHECKING, Any, Final

from nurture.domain.draft import Draft, Pack, Rendered, Unrendered
from nurture.domain.errors import NurtureError, RequestError, mistake
from nurture.domain.message import Message, message_id_for
from nurture.domain.policy import Sender
from nurture.domain.touch import Channel, Touch

if TYPE_CHECKING:
    from nurture.domain.cadence import Cadence
    from nurture.domain.lead import Lead
    from nurture.moves.scene import Scene
    from nurture.ports import Links, RenderedEmail, Templates


class _Nowhere:
    """Addresses for texts that nobody gets."""

    def tracked(self, touch: str, link: str) -> str:
        """The address of a tracked link."""
        return f"https://nowhere.invalid/c/{link}"

    def unsubscribe(self, touch: str) -> str:
        """The one-click unsubscribe address."""
        return "https://nowhere.invalid/u"

    def preferences(self, touch: str) -> str:
        """The page with the choices."""
        return "https://nowhere.invalid/p"

    def reply_to(self, touch: str, domain: str) -> str:
        """The address to which an answer goes."""
        return f"replies@{domain}"


NOWHERE: Final[Links] = _Nowhere()
_TAG: Final = re.compile("<[^>]*>")


class SenderError(RequestError):
    """The settings name no sender for a mail: no lead is at fault, and nothing is given up."""


def sender_of(name: str | None, lead: Lead, scene: Scene) -> Sender:
    """The sender of a cadence: by name, the lead's owner, or the only one. Raises SenderError when there is none."""
    senders = scene.policy.senders
    if name == "owner":
        person = scene.rules.workspace.person(lead.owner) if lead.owner else None
        if person is not None:
            default = next(iter(senders.values()), None)
            return Sender(
                name="owner",
                email=person.email,
                display=person.name,
                reply_domain=default.reply_domain if default else "",
                postal_address=default.postal_address if default else "",
                phone=person.phone or "",
            )
    elif name:
        if name not in senders:
            raise SenderError(f"No sender is named {name!r}.", hint="Add [senders." + name + "] to nurture.toml.")
        return senders[name]
    if not senders:
        raise SenderError("No sender is set.", hint="Set mail.from in nurture.toml.")
    return next(iter(senders.values()))


def sender_name(channel: Channel, template: str, cadence: Cadence, scene: Scene) -> str | None:
    """Who a touch is from, by name: as the e-mail's front matter says, else its cadence, else the only sender."""
    named = scene.rules.templates.sender(template) if channel is Channel.EMAIL else None
    return named or cadence.sender or next(iter(scene.policy.senders), None)


@lru_cache(maxsize=4096)
def link_id(url: str) -> str:
    """The short stable id under which the target of a link is kept."""
    return sha256(url.encode()).hexdigest()[:12]


def names_for(lead: Lead, scene: Scene, sender: Sender) -> dict[str, Any]:
    """Every name that a template may use, but the addresses that belong to one touch."""
    names: dict[str, Any] = dict(scene.names(lead))
    for name in lead.custom:
        names.pop(f"x.{name}", None)
    names["x"] = dict(lead.custom)
    names["sender"] = {"name": sender.display or sender.email, "email": sender.email, "phone": sender.phone}
    names["postal_address"] = sender.postal_address
    return names


def draft_of(touch: Touch, lead: Lead, scene: Scene) -> Draft:
    """What the mail of a touch is rendered from. Raises SenderError."""
    sender = sender_of(touch.sender, lead, scene)
    return Draft(
        touch=touch.id,
        attempt=touch.attempt + 1,
        template=touch.template,
        cadence=touch.cadence or "",
        sender=sender,
        names=names_for(lead, scene, sender),
        to=lead.email or "",
        to_name=" ".join(part for part in (lead.first_name, lead.last_name) if part),
        track_links=scene.policy.track_links,
        at=scene.now,
    )


def render(draft: Draft, templates: Templates, links: Links, pack: Pack | None = None) -> Rendered:
    """The mail of a draft. Raises a NurtureError that says which template cannot be rendered for this lead, and why."""
    sender, touch = draft.sender, draft.touch
    used: dict[str, str] = {}

    def link(target: str) -> str:
        name = link_id(target)
        used[name] = target
        return links.tracked(touch, name) if draft.track_links else target

    unsubscribe = links.unsubscribe(touch)
    names = {**draft.names, "unsubscribe_url": unsubscribe, "preferences_url": links.preferences(touch)}
    mail = templates.email(draft.template, names, link)
    _refuse_without_footer(mail, draft.template, unsubscribe, sender.postal_address)
    sender_domain = sender.email.rpartition("@")[2]
    answers = links.reply_to(touch, sender.reply_domain) if sender.reply_domain else None
    message = Message(
        touch=touch,
        attempt=draft.attempt,
        to=draft.to,
        to_name=draft.to_name,
        from_email=sender.email,
        from_name=sender.display,
        reply_to=mail.reply_to if mail.reply_to is not None else answers,
        subject=mail.subject,
        html=mail.html,
        text=mail.text,
        message_id=message_id_for(touch, sender_domain),
        unsubscribe_url=unsubscribe,
        at=draft.at,
        list_id=f"{draft.cadence} <{draft.cadence}.{sender_domain}>" if draft.cadence else None,
        envelope_from=answers,  # over SMTP a bounce comes back to the address that names the touch
    )
    return Rendered(pack(message, mail.quoted) if pack else message, used)


def render_email(touch: Touch, lead: Lead, scene: Scene, links: Links) -> Rendered:
    """The mail of a touch. Raises like `draft_of` and `render`."""
    return render(draft_of(touch, lead, scene), scene.rules.templates, links)


def tried(draft: Draft, templates: Templates, links: Links, pack: Pack | None = None) -> Rendered | Unrendered:
    """The mail of a draft, or why there is none: one lead's data does not stop the others."""
    try:
        return render(draft, templates, links, pack)
    except NurtureError as problem:
        return Unrendered(str(problem))
    except Exception as problem:  # noqa: BLE001  whatever we stumble over with one lead, the others get their mails
        return Unrendered(mistake(problem), mistake=True)


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Mails that are made when they are asked for: nothing else is waited for."""

    mails: Iterable[Rendered | Unrendered]
    is_ready: bool = True

    def __iter__(self) -> Iterator[Rendered | Unrendered]:
        return iter(self.mails)


@dataclass(frozen=True, slots=True)
class Here:
    """Renders in this process, each mail when it is asked for."""

    links: Links
    pack: Pack | None = None

    def begin(self, drafts: Sequence[Draft], templates: Templates) -> AtOnce:
        """The mails of drafts, in their order."""
        return AtOnce(tried(draft, templates, self.links, self.pack) for draft in drafts)

    def close(self) -> None:
        """Nothing was started."""


def _refuse_without_footer(mail: RenderedEmail, template: str, unsubscribe: str, postal: str) -> None:
    """Each mail itself, not its template, must say where the sender is and how to stop: a condition may hide either.

    The law asks for both (CAN-SPAM, CASL); an address may be spread over lines and tags. Raises RequestError.
    """
    for part, body in (("html", mail.html), ("text", mail.text)):
        shown = unsubscribe in body
        told = not postal or postal in body or _letters(postal) in _letters(unescape(_TAG.sub("", body)))
        if not shown or not told:
            what = "unsubscribe link" if not shown else "postal address"
            raise RequestError(
                f"{template}: the {part} part of this mail has no {what}.", hint="Show the footer for everybody."
            )


def _letters(text: str) -> str:
    return "".join(mark for mark in text if mark.isalnum())


def render_script(touch: Touch, lead: Lead, scene: Scene, *, ask: tuple[str, ...]) -> str:
    """The script of a task. Raises a NurtureError like `render`."""
    try:
        sender = sender_of(touch.sender, lead, scene)
    except NurtureError:
        sender = Sender(name="", email="")  # a call needs none
    names = names_for(lead, scene, sender)
    known = {fact.name.value for fact in scene.facts.get(lead.id, ())}
    names["questions"] = [question.replace("_", " ") for question in ask if question not in known]
    names["facts"] = [
        {"name": fact.name.value.replace("_", " "), "value": fact.value, "at": fact.at, "source": fact.source}
        for fact in scene.facts.get(lead.id, ())
    ]
    names["history"] = [
        {"at": at, "text": text}
        for at, text in sorted(
            [
                (made.sent_at, f"{made.channel}: {made.step}" + (f" ({made.outcome})" if made.outcome else ""))
                for made in scene.touches.get(lead.id, ())
                if made.sent_at is not None
            ]
            + [(one.at, one.kind.value) for one in scene.responses.get(lead.id, ()) if one.is_evidence]
        )
    ]
    return scene.rules.templates.script(touch.template, names)
