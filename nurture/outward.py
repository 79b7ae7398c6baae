"""What leaves this program, and what a provider says of it, as the settings choose; a part of wiring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from nurture.domain.errors import RequestError
from nurture.domain.policy import Policy, Sender
from nurture.settings import Settings

if TYPE_CHECKING:
    from nurture.domain.draft import Pack
    from nurture.ports import Clock, Mailer
    from nurture.ports.incoming import ProviderEvent
    from nurture.ports.world import Courier


def make_mailer(settings: Settings, clock: Clock) -> Mailer:
    """The mailer of `mail.provider`. Raises RequestError when a setting that it needs is missing."""
    mail = settings.mail
    if mail.provider == "outbox":
        from nurture.adapters.mail.outbox import Outbox

        return Outbox(settings.folder / "outbox", boottime=clock.boottime)
    _require(settings)
    if mail.provider == "smtp":
        from nurture.adapters.mail.smtp import SmtpMailer

        smtp = settings.smtp
        if not smtp.host:
            raise RequestError("smtp.host is not set.", hint="Set it in nurture.toml: the name of your mail server.")
        return SmtpMailer(
            smtp.host,
            smtp.port,
            boottime=clock.boottime,
            tls=smtp.tls,
            username=smtp.username,
            password=smtp.password.get_secret_value(),
            workers=min(mail.workers, 8),
            timeout=mail.timeout.total_seconds(),
        )
    from nurture.adapters.links import workspace_name
    from nurture.adapters.mail.sendgrid import SendGridMailer

    return SendGridMailer(
        settings.sendgrid.api_key.get_secret_value(),
        boottime=clock.boottime,
        host=settings.sendgrid.host,
        workers=mail.workers,
        timeout=mail.timeout.total_seconds(),
        workspace=workspace_name(settings.secret_key),
    )


def packing(settings: Settings) -> Pack | None:
    """What makes the provider's request of a message beforehand, in any process; None where that is not worth it."""
    if settings.mail.provider != "sendgrid":
        return None
    from nurture.adapters.links import workspace_name
    from nurture.adapters.mail.sendgrid_payload import packed

    return partial(packed, workspace=workspace_name(settings.secret_key))


def _require(settings: Settings) -> None:
    """What the law and the answers need before anything but the outbox sends."""
    values = {"web.public_url": settings.web.public_url}
    senders = settings.senders_by_name()
    for name, sender in senders.items():
        where = "mail" if name == "mail" else f"senders.{name}"
        values |= {f"{where}.reply_domain": sender.reply_domain, f"{where}.postal_address": sender.postal_address}
    if not senders:
        values["mail.from"] = ""
    missing = [key for key, value in values.items() if not value.strip()]
    if missing:
        raise RequestError(
            f"Not set, and needed before real mail is sent: {', '.join(missing)}.", hint="Set them in nurture.toml."
        )


def events_in(body: bytes, settings: Settings) -> Sequence[ProviderEvent]:
    """The events of one delivery of the provider. Raises RequestError for a body that is none."""
    from nurture.adapters.links import workspace_name
    from nurture.adapters.mail.sendgrid_events import read_events

    return read_events(body, workspace=workspace_name(settings.secret_key))


def courier_of(
    settings: Settings,
    policy: Policy,
    *,
    mailer: Callable[[], Mailer],
    boottime: Callable[[], float],
    zone_of: Callable[[str], str | None],
    offer_link: Callable[[int, str], str],
) -> Courier:
    """What carries briefs, alerts, webhooks and the CRM's copy. `zone_of` a rep; `offer_link` of an offer for a rep."""
    from nurture.adapters.courier import Hook, PostCourier
    from nurture.adapters.salesdesk.mail import brief_mail

    senders = list(policy.senders.values())
    if not senders and settings.mail.provider == "outbox":
        senders = [Sender("nurture", "nurture@localhost", "nurture")]  # files need no real sender
    crm, alerts = settings.crm, settings.alerts

    def brief(payload: Mapping[str, Any], to: str) -> tuple[str, str, str]:
        link = offer_link(int(payload["handoff"]), to)
        mail = brief_mail(payload, link=link, zone=zone_of(to) or policy.timezone)
        return mail.subject, mail.html, mail.text

    return PostCourier(
        brief=brief,
        mailer=mailer,
        sender=senders[0] if senders else None,
        boottime=boottime,
        mail_seconds=settings.mail.lease.total_seconds(),
        webhooks={name: Hook(one.url, one.secret.get_secret_value()) for name, one in settings.webhooks.items()},
        crm=Hook(crm.webhook, crm.secret.get_secret_value()) if crm.webhook else None,
        alerts_to=alerts.email,
        alerts_hook=Hook(alerts.webhook) if alerts.webhook else None,
    )
