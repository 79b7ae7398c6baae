"""Mail pauses by itself, with an alert, when too many of the last mails bounced or brought a complaint."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from nurture.domain.reception import LAST, too_bad
from nurture.domain.response import Bounce, Kind, Response
from nurture.ports.store import Change, Switch

if TYPE_CHECKING:
    from nurture.domain.policy import Policy
    from nurture.ports import Unit

MAILER: Final = "mailer"
MARK: Final = "mail_paused_by_itself"  # mails before that were looked at by whoever resumed
HINT: Final = "Find out which list or e-mail it was, then: nurture mailer resume NAME"


def watch_mail(work: Unit, heard: Iterable[Response], *, policy: Policy, now: datetime) -> bool:
    """Look at the last mails where a complaint or a hard bounce came in; whether mail was paused.

    Calls go on. Nothing resumes it but a person.
    """
    if not any(_is_bad(one) for one in heard) or not (policy.pause_at_complaints or policy.pause_at_hard_bounces):
        return False
    held = work.control.switches().get(MAILER)
    if held is not None and held.until is None:
        return False
    mark = work.control.mark(MARK)
    seen = work.reports.reception(LAST, since=mark[1] if mark else datetime.min.replace(tzinfo=UTC))
    why = too_bad(seen, complaints=policy.pause_at_complaints, bounces=policy.pause_at_hard_bounces)
    if not why:
        return False
    work.control.switch(Switch(MAILER, why, now, None, by="daemon"))
    work.control.set_mark(MARK, why, now)
    work.notes.add([Change("mailer_paused", f"all mail is paused: {why}", now, by="daemon")])
    payload = {"subject": "All mail is paused", "text": f"{why[0].upper()}{why[1:]}.\n\n{HINT}"}
    work.sales.deliver(key=f"reception:{now.isoformat()}", kind="alert", to="", payload=payload, at=now)
    return True


def _is_bad(one: Response) -> bool:
    return one.kind is Kind.COMPLAINT or (one.kind is Kind.BOUNCE and one.detail.get("bounce") == Bounce.HARD)
