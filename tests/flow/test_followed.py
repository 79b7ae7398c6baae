"""How many people's mails were followed from one address, beside counting them one by one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from nurture.adapters.mail.sendgrid_events import read_events
from nurture.domain.machines import MANY_RECIPIENTS, Hit
from nurture.domain.policy import Policy
from nurture.domain.response import Grade
from nurture.flow import provider_events
from nurture.moves.followed import SHARED_WITHIN, Followed
from tests.builders import a_lead, a_sent_touch, an_enrollment
from tests.fakes import A_TUESDAY as NOW
from tests.flow.loop import Loop, a_loop

Told = Sequence[tuple[Hit, str]]
hits: Final = st.builds(
    Hit,
    st.integers(0, 40).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    st.sampled_from(["https://acme.example/", "https://acme.example/", ""]),
    st.sampled_from(["203.0.113.5", "203.0.113.5", "203.0.113.6", ""]),
)
told: Final = st.lists(st.tuples(hits, st.sampled_from("abcdefgh")), max_size=40)


def counted(hit: Hit, followed: Told) -> int:
    if not (hit.ip and hit.url):
        return 1
    near = [(other, mail) for other, mail in followed if other.url and abs(other.at - hit.at) <= SHARED_WITHIN]
    return len({mail for other, mail in near if other.ip == hit.ip})


@given(told)
def test_the_mails_behind_an_address_are_those_that_were_followed_from_it_within_minutes(followed: Told) -> None:
    found = Followed(followed)
    assert [found.people_behind(hit) for hit, _ in followed] == [counted(hit, followed) for hit, _ in followed]


@given(told, st.sets(st.sampled_from("abcdefgh")))
def test_other_mails_are_swayed_where_their_hits_become_those_of_many(followed: Told, mails: set[str]) -> None:
    others = [(hit, mail) for hit, mail in followed if mail not in mails]
    swayed = {mail for hit, mail in others if counted(hit, others) < MANY_RECIPIENTS <= counted(hit, followed)}
    assert Followed(followed).swayed_by(mails) == swayed


def test_what_follows_the_links_of_many_is_known_as_such_in_whichever_transaction_each_is_told(
    tmp_path: Path,
) -> None:
    with a_loop(tmp_path, "- email: one") as loop:
        mails = [follow(loop, minute) for minute in range(2 * MANY_RECIPIENTS)]
        with loop.store.unit(write=False) as work:
            heard = work.responses.of_touches(mails)
    assert [one.response.grade for mail in mails for one in heard[mail]] == [Grade.LIKELY_MACHINE] * len(mails)
    assert len({one.response.why for many in heard.values() for one in many}) == 1


def follow(loop: Loop, minute: int) -> str:
    """Somebody follows the link of a mail of theirs; told at once, and judged."""
    lead = a_lead(loop.store)
    place = an_enrollment(loop.store, lead=lead, cadence="course", next_at=None)
    mail = a_sent_touch(loop.store, enrollment=place, lead=lead.id, address=lead.email).id
    at = NOW + timedelta(days=1, minutes=minute)
    click: dict[str, Any] = {"event": "click", "timestamp": at.timestamp(), "email": lead.email, "nurture_touch": mail}
    click |= {"url": "https://acme.example/", "ip": "203.0.113.5", "useragent": "Mozilla/5.0 Firefox/140.0"}
    provider_events.take_batch(json.dumps([click]).encode(), store=loop.store, now=at)
    common: dict[str, Any] = {"store": loop.store, "rules": loop.rules, "policy": Policy(), "new_id": loop.clock.new_id}
    provider_events.process(read=read_events, now=at + timedelta(seconds=61), **common)
    return mail
