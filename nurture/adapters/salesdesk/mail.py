"""A brief as the e-mail that offers a lead to a rep: what matters first, one link to accept or reject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import css_inline

from nurture.adapters.salesdesk.text import plain_text
from nurture.adapters.salesdesk.words import templates

ENTRIES: Final = 10


@dataclass(frozen=True, slots=True)
class BriefMail:
    """Subject and both bodies, ready for a message."""

    subject: str
    text: str
    html: str


def brief_mail(payload: Mapping[str, Any], *, link: str, zone: str) -> BriefMail:
    """The mail for the payload of a `brief` delivery: handoff, rep, due_at, brief.

    `link` is where the rep answers: opening it shows the whole brief and changes nothing. `zone` is the rep's.
    """
    brief = payload["brief"]
    local = datetime.fromisoformat(payload["due_at"]).astimezone(ZoneInfo(zone))
    due = f"{local:%A}, {local.day} {local:%B}, {local:%H:%M} ({zone})"
    where = f", {brief['company']}" if brief["company"] else ""
    subject = " ".join(f"For you: {brief['name']}{where} - answer by {local:%a %H:%M}".split())
    head = f"{payload['rep']}, this lead is offered to you. Accept or reject it by {due}:\n{link}\n\n"
    html = (
        templates()
        .get_template("mail.html")
        .render(brief=brief, rep=payload["rep"], due=due, link=link, entries=ENTRIES, subject=subject)
    )
    text = head + plain_text(brief, entries=ENTRIES) + f"\nAccept or reject: {link}\n"
    return BriefMail(subject, text, css_inline.inline(html, load_remote_stylesheets=False))
