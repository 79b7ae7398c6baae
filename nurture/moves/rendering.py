"""A touch -> the message that goes out, or the script of a task: for dispatch, for a plan, and for a preview."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from html import unescape
from typing import Any, Final

from nurture.domain.cadence import Cadence
from nurture.domain.errors import NurtureError, RequestError
from nurture.domain.lead import Lead
from nurture.domain.message import Message, message_id_for
from nurture.domain.policy import Policy, Sender
from nurture.domain.touch import Channel, Touch
from nurture.moves.scene import Scene
from nurture.ports import Links, RenderedEmail


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


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message ready to go, and the links in it: id -> target."""

    message: Message
    links: dict[str, str]


class SenderError(RequestError):
    """The settings name no sender for a mail: no lead is at fault, and nothing is given up."""


def sender_of(name: str | None, lead: Lead, scene: Scene) -> Sender:
    """The sender of a cadence: by name, the lead's owner, or the only one. Raises SenderError when there is none."""
    senders = scene.policy.senders
    if name == "owner":
        person = scene.rules.workspace.people.get(lead.owner or "")
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


def link_id(url: str) -> str:
    """The short stable id under which the target of a link is kept."""
    return sha256(url.encode()).hexdigest()[:12]


def names_for(touch: Touch, lead: Lead, scene: Scene, links: Links, sender: Sender) -> dict[str, Any]:
    """Every name that a template may use."""
    names: dict[str, Any] = {name: value for name, value in scene.names(lead).items() if not name.startswith("x.")}
    names["x"] = dict(lead.custom)
    names["sender"] = {"name": sender.display or sender.email, "email": sender.email, "phone": sender.phone}
    names["unsubscribe_url"] = links.unsubscribe(touch.id)
    names["preferences_url"] = links.preferences(touch.id)
    names["postal_address"] = sender.postal_address
    return names


def render_email(touch: Touch, lead: Lead, scene: Scene, links: Links) -> Rendered:
    """The mail of a touch. Raises a NurtureError that says which template cannot be rendered for this lead, and why."""
    policy: Policy = scene.policy
    sender = sender_of(touch.sender, lead, scene)
    used: dict[str, str] = {}

    def link(target: str) -> str:
        name = link_id(target)
        used[name] = target
        return links.tracked(touch.id, name) if policy.track_links else target

    names = names_for(touch, lead, scene, links, sender)
    mail = scene.rules.templates.email(touch.template, names, link)
    _refuse_without_footer(mail, touch.template, str(names["unsubscribe_url"]), sender.postal_address)
    sender_domain = sender.email.rpartition("@")[2]
    reply_to = mail.reply_to
    if reply_to is None and sender.reply_domain:
        reply_to = links.reply_to(touch.id, sender.reply_domain)
    message = Message(
        touch=touch.id,
        attempt=touch.attempt + 1,
        to=lead.email or "",
        to_name=" ".join(part for part in (lead.first_name, lead.last_name) if part),
        from_email=sender.email,
        from_name=sender.display,
        reply_to=reply_to,
        subject=mail.subject,
        html=mail.html,
        text=mail.text,
        message_id=message_id_for(touch.id, sender_domain),
        unsubscribe_url=str(names["unsubscribe_url"]),
        at=scene.now,
        list_id=f"{touch.cadence} <{touch.cadence}.{sender_domain}>" if touch.cadence else None,
    )
    return Rendered(message, used)


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


def render_script(touch: Touch, lead: Lead, scene: Scene, links: Links, *, ask: tuple[str, ...]) -> str:
    """The script of a task. Raises a NurtureError like `render_email`."""
    try:
        sender = sender_of(touch.sender, lead, scene)
    except NurtureError:
        sender = Sender(name="", email="")  # a call needs none
    names = names_for(touch, lead, scene, links, sender)
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
