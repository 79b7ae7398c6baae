"""What came in since the last pass: mails of the mailboxes, deliveries of the provider. Kept first, then worked on."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from nurture import log
from nurture.daemon.stopping import StoppingError
from nurture.domain.errors import NurtureError
from nurture.flow import provider_events, replies
from nurture.ports import Store
from nurture.ports.incoming import Mailbox
from nurture.wiring import App

AT_ONCE: Final = 50
_log = log.get("incoming")


def fetch(app: App, store: Store, now: datetime) -> int:
    """Fetch and keep what is there; how many mails were new. A mailbox that is away stops nothing."""
    fetched = 0
    for mailbox in app.mailboxes:
        try:
            fetched += _fetch(store, mailbox, now)
        except StoppingError:
            raise
        except NurtureError as problem:
            _log.warning("mailbox_unreachable", what=problem.what)
    return fetched


def process(app: App, store: Store, now: datetime) -> None:
    """Work on everything that is kept and not yet worked on."""
    rules, policy = app.rules.in_force(), app.policy
    replies.process(
        store,
        reader=app.mail_reader,
        tokens=app.links,
        rules=rules,
        policy=policy,
        new_id=app.clock.new_id,
        now=now,
    )
    provider_events.process(
        store,
        read=app.read_events,
        rules=rules,
        policy=policy,
        new_id=app.clock.new_id,
        now=now,
        waiting=app.waiting_hits,
    )


def _fetch(store: Store, mailbox: Mailbox, now: datetime) -> int:
    """A mail is done in its mailbox only when it is stored here."""
    new, batch = 0, []
    for key, body in mailbox.fetch():
        batch.append((key, body))
        if len(batch) >= AT_ONCE:
            new += _keep(store, mailbox, batch, now)
            batch = []
    return new + _keep(store, mailbox, batch, now)


def _keep(store: Store, mailbox: Mailbox, batch: list[tuple[str, bytes]], now: datetime) -> int:
    if not batch:
        return 0
    kept = replies.take_mail(batch, store=store, now=now)
    for key, _ in batch:
        mailbox.done(key)
    return sum(kept)
