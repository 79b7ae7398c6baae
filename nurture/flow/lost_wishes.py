"""Wishes to be left alone that come from mails which this database no longer knows: an older copy was restored.

The link was signed by us, so the wish is real; whose it is, only they can say. Until they do, a person has to.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from nurture.domain.address import normalise_email
from nurture.domain.errors import RequestError
from nurture.domain.policy import Policy
from nurture.domain.response import Kind
from nurture.domain.touch import TouchId
from nurture.moves.responding import Report, record_in
from nurture.ports import InForce, Store, Unit
from nurture.ports.store import Suppression

KIND: Final = "unsubscribe"
ENTRY: Final = "Somebody unsubscribed by a link of ours, in a mail that this database does not know. Whose was it?"
ANOTHER: Final = "A link that unsubscribed one address already was used for another one. Is it theirs?"


def keep(touch: TouchId, *, store: Store, now: datetime) -> bool:
    """Keep a wish of nobody knows whom for a person, once for each mail. False if it is there already."""
    with store.unit() as work:
        is_new = _to_inbox(work, touch, _key(touch), now=now)
        work.commit()
    return is_new


def obey(
    touch: TouchId,
    address: str,
    *,
    store: Store,
    rules: InForce,
    policy: Policy,
    new_id: Callable[[], str],
    now: datetime,
    by: str,
) -> None:
    """Leave an address alone from now on, whether it is one of ours or not. Raises RequestError for what is none.

    One link speaks for one address: with another one it asks a person, or it could silence anybody.
    """
    try:
        known_as = normalise_email(address)
    except ValueError:
        raise RequestError("That is not an e-mail address.", hint="Write it as it stands in the mail.") from None
    said = f"address {_short(known_as)}"
    with store.unit() as work:
        _to_inbox(work, touch, _key(touch), now=now)
        every = {one["key"]: one for one in [*work.notes.inbox(), *work.notes.inbox(settled=True)]}
        entry: dict[str, Any] = every[_key(touch)]
        if entry["settled_at"] is None:
            work.notes.settle(entry["id"], as_=said, by=by, at=now)
            work.suppressions.add(Suppression(known_as, "all", KIND, now), by=by)
            lead = work.leads.find(known_as)
            if lead is not None:
                report = Report(Kind.UNSUBSCRIBE, now, lead.id, detail={"via": "link"}, key=_key(touch))
                record_in(work, [report], rules=rules, policy=policy, new_id=new_id, now=now, by=by)
        elif entry["settled_as"] != said:
            _to_inbox(work, touch, f"{_key(touch)}|{_short(known_as)}", now=now, sender=known_as, why=ANOTHER)
        work.commit()


def _to_inbox(work: Unit, touch: TouchId, key: str, *, now: datetime, sender: str = "", why: str = ENTRY) -> bool:
    entry = {"kind": KIND, "lead_id": None, "at": now, "sender": sender, "why": why, "key": key}
    return work.notes.to_inbox({**entry, "subject": "unsubscribe", "detail": {"touch": touch}})


def _key(touch: TouchId) -> str:
    return f"{KIND}|{touch}"


def _short(address: str) -> str:
    """Tells one address from another, and does not show it."""
    return sha256(address.encode()).hexdigest()[:16]
