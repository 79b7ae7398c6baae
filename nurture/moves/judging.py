"""The verdict on an incoming mail as it is judged for its lead, and what the response keeps of both."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from nurture.domain import calendar
from nurture.domain.classify import Judged, judge
from nurture.domain.response import Bounce, Kind

if TYPE_CHECKING:
    from nurture.domain.inbound import Inbound
    from nurture.domain.lead import Lead
    from nurture.domain.policy import Policy
    from nurture.domain.touch import Touch

LONGEST_KEPT: Final = 4_000  # characters of a reply in the response and the inbox; the whole mail is kept beside it


def judged(mail: Inbound, lead: Lead | None, at: datetime, policy: Policy) -> Judged:
    """The verdict on a mail, with the dates and holidays of its lead."""
    company = lead.company if lead is not None else None
    zone = (lead.timezone if lead else None) or (company.timezone if company else None) or policy.timezone
    country = (lead.country if lead else None) or (company.country if company else None) or policy.country
    fiscal = policy.fiscal_year_start
    if company is not None and company.fiscal_year_start:
        month, _, day = company.fiscal_year_start.partition("-")
        fiscal = (int(month), int(day))
    return judge(
        mail,
        calendar.local_day(at, calendar.zone(zone)),
        languages=(lead.language,) if lead is not None and lead.language else (),
        country=country or None,
        fiscal_year_start=fiscal,
    )


def about_whom(mail: Inbound, touch: Touch | None, lead: Lead, verdict: Judged) -> tuple[Bounce, str]:
    """The bounce, but no `hard` one for an address that we did not write to: a mail may have been forwarded there."""
    bounce = verdict.bounce or Bounce.SOFT
    written_to = {touch.address if touch else None, lead.email}
    about = {verdict.address, *mail.original_recipients} - {""}
    if bounce is Bounce.HARD and about and not about & written_to:
        return Bounce.SOFT, f"it is about {verdict.address or 'an address'} that we did not write to"
    return bounce, ""


def detail_of(mail: Inbound, verdict: Judged) -> dict[str, Any]:
    """What the response keeps of the mail."""
    values: dict[str, Any] = {
        "intent": verdict.intent.value if verdict.intent else None,
        "until": verdict.until.isoformat() if verdict.until else None,
        "sentence": verdict.sentence,
        "outcome": verdict.outcome,
        "successor": verdict.successor,
        "left": verdict.left or None,
        "subject": mail.subject,
        "text": (mail.new_text or mail.text)[:LONGEST_KEPT],
        "message_id": mail.message_id,
        "raw": mail.key,
    }
    detail = {name: value for name, value in values.items() if value not in (None, "")}
    if verdict.kind is Kind.AUTO_REPLY:
        detail["away"] = verdict.away
    return detail
