"""Provider events become responses once each, whatever their order; machines and strangers change nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from nurture.adapters.mail.sendgrid_events import read_events
from nurture.adapters.store.engine import open_engine
from nurture.adapters.store.unit import SqlStore
from nurture.domain.lead import Lead
from nurture.domain.policy import Policy
from nurture.domain.response import Grade, Kind
from nurture.domain.touch import State, Touch
from nurture.flow import provider_events
from nurture.flow.provider_events import Tally
from nurture.moves.listening import HEARD
from nurture.moves.responding import Recorded, Report, record_in
from nurture.moves.waiting_hits import WaitingHits
from nurture.ports import Unit
from nurture.ports.incoming import EventReader, ProviderEvent
from nurture.ports.world import DELIVERY
from tests.builders import a_lead, a_sent_touch, a_store, a_touch, an_enrollment
from tests.fakes import A_TUESDAY, FixedClock
from tests.flow.loop import a_cadence, in_force

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "sendgrid_events"
SCORING = """engagement:
  half_life: 30 days
  rules:
    - {on: click, points: 4, at_most: 12, because: read further}
    - {on: open, points: 1, because: opened}
"""
RULES = in_force({"course": a_cadence("- email: hello\n- wait: 3 months\n- email: again")}, {"scoring.yaml": SCORING})
DICE = FixedClock()
SENT = A_TUESDAY
NOW = SENT + timedelta(hours=3)
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one lead and its touch, made once and copied for each test."""
    path = tmp_path_factory.mktemp("empty") / "nurture.db"
    with a_store(f"sqlite:///{path}") as store:
        ada = a_lead(store, email="ada@example.com")
        enrollment = an_enrollment(store, lead=ada, cadence="course", next_at=None)
        a_sent_touch(store, enrollment=enrollment, id="touchaaa", address="ada@example.com")
    return path


@pytest.fixture
def store(empty: Path, tmp_path: Path) -> Iterator[SqlStore]:
    shutil.copy(empty, tmp_path / "nurture.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'nurture.db'}")
    yield SqlStore(engine)
    engine.dispose()


def an_event(kind: str, seconds: float, **over: Any) -> dict[str, Any]:
    """An event of the touch so many seconds after it was sent."""
    at = int((SENT + timedelta(seconds=seconds)).timestamp())
    base = {"event": kind, "email": "ada@example.com", "timestamp": at, "nurture_touch": "touchaaa"}
    return {**base, "sg_message_id": "x.y", **over}


def a_click(seconds: float, url: str = "https://acme.example/guide", **over: Any) -> dict[str, Any]:
    return an_event("click", seconds, url=url, **{"useragent": BROWSER, "ip": "203.0.113.5", **over})


def take(
    store: SqlStore,
    *batches: Sequence[dict[str, Any]],
    later: timedelta = timedelta(minutes=5),
    arrives: timedelta = timedelta(0),
    at_once: int = provider_events.AT_ONCE,
    waiting: WaitingHits | None = None,
    read: EventReader = read_events,
) -> Tally:
    for batch in batches:
        provider_events.take_batch(json.dumps(batch).encode(), store=store, now=NOW + arrives)
    common: dict[str, Any] = {"read": read, "rules": RULES, "policy": Policy(), "new_id": DICE.new_id}
    return provider_events.process(store, now=NOW + later, at_once=at_once, waiting=waiting, **common)


def the_lead(store: SqlStore) -> Lead:
    with store.unit(write=False) as work:
        lead = work.leads.find("ada@example.com")
    assert lead is not None
    return lead


def grades(store: SqlStore, kind: Kind) -> list[Grade]:
    with store.unit(write=False) as work:
        return [one.grade for one in work.responses.of_touch("touchaaa") if one.kind is kind]


def bounces(store: SqlStore) -> list[tuple[str, frozenset[str]]]:
    with store.unit(write=False) as work:
        scopes = work.suppressions.scopes(["ada@example.com"]).get("ada@example.com", frozenset())
        made = work.responses.of_touch("touchaaa")
        return [(one.detail["bounce"], scopes) for one in made if one.kind is Kind.BOUNCE]


def test_a_click_hours_later_is_a_person_and_scores(store: SqlStore) -> None:
    take(store, [an_event("delivered", 5), a_click(7200)])
    assert grades(store, Kind.CLICK) == [Grade.HUMAN]
    assert the_lead(store).engagement == pytest.approx(4, abs=0.1)


def test_a_scanner_that_follows_every_link_at_once_changes_nothing(store: SqlStore) -> None:
    clicks = [a_click(8 + number, f"https://acme.example/{number}") for number in range(3)]
    take(store, [an_event("delivered", 5)], *[[one] for one in clicks])
    assert grades(store, Kind.CLICK) == [Grade.MACHINE] * 3
    assert the_lead(store).engagement == 0


@pytest.mark.parametrize("page", ["u", "p"])
def test_who_opens_the_page_to_unsubscribe_shows_no_interest(store: SqlStore, page: str) -> None:
    take(store, [an_event("delivered", 5), a_click(7200, f"https://go.acme.example/{page}/abc")])
    assert grades(store, Kind.CLICK) == [Grade.LIKELY_MACHINE]
    assert the_lead(store).engagement == 0


def test_a_person_who_comes_after_the_scanner_counts(store: SqlStore) -> None:
    clicks = [a_click(8, f"https://acme.example/{number}", useragent="") for number in range(3)]
    take(store, [an_event("delivered", 5), *clicks, a_click(7200)])
    assert sorted(grades(store, Kind.CLICK)) == [Grade.HUMAN, *[Grade.MACHINE] * 3]


def test_an_open_is_what_the_provider_says_and_unknown_without_its_word(store: SqlStore) -> None:
    opens = [an_event("open", 100 * n, useragent=BROWSER, ip="1.2.3.4") for n in (1, 2, 3)]
    opens[0]["sg_machine_open"], opens[1]["sg_machine_open"] = True, False
    take(store, opens)
    assert grades(store, Kind.OPEN) == [Grade.MACHINE, Grade.HUMAN, Grade.LIKELY_MACHINE]


@pytest.mark.parametrize(
    ("fields", "bounce", "suppressed"),
    [
        ({"type": "bounce", "status": "5.1.1", "reason": "550 user unknown"}, "hard", {"email"}),
        ({"type": "bounce", "bounce_classification": "Invalid Address"}, "hard", {"email"}),
        ({"type": "bounce", "status": "5.2.2", "reason": "552 mailbox full"}, "full", set()),
        ({"type": "blocked", "status": "5.7.1", "reason": "550 blocked"}, "policy", set()),
        ({"type": "bounce", "bounce_classification": "Reputation", "status": "5.0.0"}, "policy", set()),
        ({"type": "blocked", "status": "4.0.0", "reason": "try later"}, "policy", set()),
    ],
)
def test_a_bounce_is_judged_by_type_classification_and_status(
    store: SqlStore, fields: dict[str, str], bounce: str, suppressed: set[str]
) -> None:
    take(store, [an_event("bounce", 10, **fields)])
    assert bounces(store) == [(bounce, frozenset(suppressed))]


@pytest.mark.parametrize(
    ("reason", "scope"),
    [
        ("Bounced Address", {"email"}),
        ("Invalid", {"email"}),
        ("Unsubscribed Address", {"all"}),
        ("Spam Content", set()),
    ],
)
def test_a_dropped_mail_is_what_its_reason_says(store: SqlStore, reason: str, scope: set[str]) -> None:
    take(store, [an_event("dropped", 10, reason=reason)])
    with store.unit(write=False) as work:
        assert work.suppressions.scopes(["ada@example.com"]).get("ada@example.com", frozenset()) == scope


@pytest.mark.parametrize("kind", ["spamreport", "unsubscribe", "group_unsubscribe"])
def test_a_wish_to_be_left_alone_stops_everything_at_once(store: SqlStore, kind: str) -> None:
    take(store, [an_event(kind, 100)], later=timedelta(0))
    with store.unit(write=False) as work:
        assert work.suppressions.scopes(["ada@example.com"])["ada@example.com"] == {"all"}
        assert [one.state.value for one in work.enrollments.all_of([the_lead(store).id])[the_lead(store).id]] == [
            "stopped"
        ]


def test_a_repeated_event_is_stored_once_whatever_its_id(store: SqlStore) -> None:
    first = take(store, [a_click(7200, sg_event_id="a")])
    again = take(store, [a_click(7200, sg_event_id="b")])
    assert (len(first.recorded), len(again.recorded), again.repeated) == (1, 0, 1)


@pytest.mark.parametrize("kind", ["delivered", "click", "bounce"])
def test_an_event_that_the_pass_is_behind_of_is_still_stored_once(store: SqlStore, kind: str) -> None:
    ahead = (NOW - SENT).total_seconds() + 200  # a pass runs at the moment that it was due, a little later
    said = {"url": "https://acme.example/guide", "status": "5.1.1", "type": "bounce"}
    done = [
        take(store, [an_event(kind, ahead, sg_event_id=str(seconds), **said)], later=timedelta(seconds=seconds))
        for seconds in (100, 150, 300)
    ]
    assert [len(one.recorded) for one in done] == [1, 0, 0]


def test_foreign_events_and_other_peoples_addresses_change_nothing(store: SqlStore) -> None:
    foreign = {key: value for key, value in a_click(7200).items() if key != "nurture_touch"}
    tally = take(store, [foreign, a_click(7200, email="eve@example.com"), {"event": "account_status_change"}])
    assert (tally.recorded, len(tally.ignored)) == ((), 3)


def test_an_unknown_touch_is_noted_once(store: SqlStore) -> None:
    take(store, [a_click(7200, nurture_touch="gone")])
    take(store, [a_click(7300, nurture_touch="gone")])
    with store.unit(write=False) as work:
        assert [one.detail for one in work.notes.select(what="unknown_touch")] == [{"touch": "gone"}]


def test_a_brief_that_a_rep_opens_is_no_unknown_touch(store: SqlStore) -> None:
    tally = take(store, [a_click(7200, nurture_touch=f"{DELIVERY}7", email="lee@acme.example")])
    assert (tally.recorded, tally.ignored) == ((), ("click: a mail to one of ourselves",))
    with store.unit(write=False) as work:
        assert work.notes.select(what="unknown_touch") == []


def test_a_late_bounce_without_ids_is_matched_by_address(store: SqlStore) -> None:
    late = an_event("bounce", 3600, type="bounce", status="5.1.1", reason="550 5.1.1 unknown user")
    take(store, [{key: value for key, value in late.items() if key not in ("nurture_touch", "sg_message_id")}])
    assert [bounce for bounce, _ in bounces(store)] == ["hard"]


@pytest.mark.parametrize("kind", ["processed", "deferred", "delivered", "click", "bounce", "spamreport"])
def test_a_signed_event_proves_that_a_touch_in_doubt_was_sent(store: SqlStore, kind: str) -> None:
    doubt = a_touch(store, id="touchdoubt", state=State.IN_DOUBT, attempt=1, intent_at=SENT, address="ada@example.com")
    take(store, [an_event(kind, 20, nurture_touch=doubt.id, reason="500 later", url="https://a.example", ip="::1")])
    with store.unit(write=False) as work:
        after: Touch = work.touches.get([doubt.id])[doubt.id]
    assert (after.state, after.sent_at) == (State.SENT, SENT)


def test_how_far_the_provider_has_told_of_attempts_is_known_from_what_it_took(store: SqlStore) -> None:
    marks = []
    for kind in ("delivered", "processed"):
        take(store, [an_event(kind, 20)])
        with store.unit(write=False) as work:
            marks.append(work.control.mark(HEARD))
    assert marks == [None, ("", SENT)]


def test_opens_and_clicks_wait_a_minute_and_are_not_lost(store: SqlStore) -> None:
    early = take(store, [an_event("delivered", 5), a_click(7200)], later=timedelta(seconds=10))
    assert (early.waiting, grades(store, Kind.CLICK), len(grades(store, Kind.DELIVERED))) == (1, [], 1)
    take(store, later=timedelta(seconds=61))
    assert grades(store, Kind.CLICK) == [Grade.HUMAN]


def test_a_delivery_that_cannot_be_worked_on_holds_up_no_other(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(work: Unit, reports: Sequence[Report], **more: Any) -> list[Recorded]:
        if any("poison" in one.detail.get("url", "") for one in reports):
            raise ValueError
        return record_in(work, reports, **more)

    monkeypatch.setattr(provider_events, "record_in", stumbles)
    tally = take(store, [a_click(7200)], [a_click(7300, "https://poison.example")], [an_event("delivered", 5)])
    assert (len(tally.recorded), tally.ignored) == (2, ("failed: ValueError",))
    assert take(store).recorded == ()


def test_a_body_that_is_no_json_is_kept_with_its_problem(store: SqlStore) -> None:
    provider_events.take_batch(b"<html>", store=store, now=NOW)
    assert take(store).recorded == ()
    with store.unit(write=False) as work:
        assert work.responses.raw_new(10) == []


def test_real_samples_are_all_taken_and_name_no_touch_of_ours(store: SqlStore) -> None:
    for path in sorted(SHARED.glob("*.json")) if SHARED.exists() else []:
        provider_events.take_batch(path.read_bytes(), store=store, now=NOW)
    assert take(store, [{"event": "x"}]).recorded == ()


HISTORY = [
    an_event("processed", 1),
    an_event("delivered", 5),
    an_event("open", 6, sg_machine_open=True, useragent=BROWSER),
    *[a_click(7, f"https://acme.example/{number}", useragent="") for number in range(3)],
    a_click(3600),
    a_click(3601, "https://acme.example/prices"),
    an_event("bounce", 4000, type="bounce", status="5.1.1", reason="550 user unknown"),
    an_event("unsubscribe", 5000),
    an_event("spamreport", 5000),
    an_event("group_resubscribe", 6000),
]


def standing(store: SqlStore) -> tuple[object, ...]:
    """All that a history leaves behind, without the order in which it was written."""
    with store.unit(write=False) as work:
        lead = the_lead(store)
        responses = sorted(
            (one.kind, one.at, one.url, one.grade, one.why) for one in work.responses.of_touch("touchaaa")
        )
        suppressed = sorted((one.address, one.scope, one.reason) for one in work.suppressions.all())
        states = [one.state for one in work.enrollments.all_of([lead.id])[lead.id]]
    return responses, suppressed, states, round(lead.engagement, 1), lead.stage


@dataclass(frozen=True)
class Replay:
    """Plays histories on the same beginning. One engine for all: it has compiled its statements."""

    store: SqlStore
    path: Path
    beginning: bytes = field(repr=False)  # or a failure drowns in it

    def after(
        self, *batches: Sequence[dict[str, Any]], every: timedelta | None = None, **how: Any
    ) -> tuple[object, ...]:
        """What these batches leave behind, worked on together, or each as it comes, in passes that are so far apart."""
        self.store.engine.dispose()
        self.path.write_bytes(self.beginning)
        waiting = WaitingHits()
        for number, one in enumerate(batches if every else ()):
            at = (every or timedelta()) * number
            take(self.store, one, arrives=at, later=at, waiting=waiting)
        take(self.store, *(() if every else batches), later=timedelta(hours=2), waiting=waiting, **how)
        return standing(self.store)


@pytest.fixture(scope="module")
def replay(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    path = tmp_path_factory.mktemp("replay") / "nurture.db"
    engine = open_engine(f"sqlite:///{path}")
    yield Replay(SqlStore(engine), path, empty.read_bytes())
    engine.dispose()


@pytest.fixture(scope="module")
def expected(replay: Replay) -> tuple[object, ...]:
    return replay.after(HISTORY)


HISTORIES = int(
    os.environ.get("NURTURE_HISTORIES", "60")
)  # by hand as many as one likes: 10000 is a quarter of an hour


# Passes in which hits still wait, those in which the ones before are judged beside new ones, and one for all.
APART: Final = st.sampled_from([None, *(timedelta(seconds=seconds) for seconds in (10, 30, 59, 60, 300))])


@pytest.mark.timeout(120 + HISTORIES)
@settings(max_examples=HISTORIES, deadline=None)
@given(st.permutations([*HISTORY, HISTORY[1], HISTORY[6]]), st.lists(st.integers(1, 13), max_size=4), APART)
def test_a_history_ends_the_same_in_whatever_order_and_pieces_it_comes(
    replay: Replay,
    expected: tuple[object, ...],
    history: list[dict[str, Any]],
    cuts: list[int],
    every: timedelta | None,
) -> None:
    edges = [0, *sorted(set(cuts)), len(history)]
    batches = [history[start:end] for start, end in pairwise(edges) if history[start:end]]
    assert replay.after(*batches, every=every) == expected


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_history_ends_the_same_when_each_transaction_takes_few_events(
    replay: Replay, expected: tuple[object, ...], at_once: int
) -> None:
    assert replay.after(*[[one] for one in reversed(HISTORY)], at_once=at_once) == expected


def test_one_transaction_takes_so_many_events_however_many_deliveries_there_are(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    def counted(work: Unit, reports: Sequence[Report], **more: Any) -> list[Recorded]:
        taken.append(len(reports))
        return record_in(work, reports, **more)

    monkeypatch.setattr(provider_events, "record_in", counted)
    sizes = [4, 4, 4, 25, 1]  # one that has more than fit goes alone
    clicks = iter(a_click(7200 + n, f"https://acme.example/{n}") for n in range(sum(sizes)))
    tally = take(store, *[[next(clicks) for _ in range(size)] for size in sizes], at_once=10)
    assert taken == [8, 4, 25, 1, 0]
    assert len(tally.recorded) == sum(sizes)


def test_a_pass_ends_though_deliveries_come_without_end(store: SqlStore) -> None:
    for number in range(provider_events.TRANSACTIONS + 3):
        provider_events.take_batch(json.dumps([a_click(7200 + number)]).encode(), store=store, now=NOW)
    assert [len(take(store, at_once=1).recorded) for _ in range(3)] == [provider_events.TRANSACTIONS, 3, 0]


def test_what_waits_for_nothing_is_read_once(store: SqlStore) -> None:
    take(store, [an_event("delivered", 5)], [a_click(7200)], later=timedelta(0))
    with store.unit(write=False) as work:
        assert [b"click" in body for _, _, body, _ in work.responses.raw_new(10)] == [True]


def test_what_waits_is_read_when_it_comes_and_when_it_is_judged_and_in_no_pass_between(store: SqlStore) -> None:
    read: list[bytes] = []

    def counted(body: bytes) -> Sequence[ProviderEvent]:
        read.append(body)
        return read_events(body)

    waiting = WaitingHits()
    one, two = [an_event("delivered", 5), a_click(7200)], [a_click(7201, "https://acme.example/prices")]
    found = []
    for seconds, new in (0, [one]), (20, []), (40, [two]), (59, []), (60, []), (99, []), (100, []), (200, []):
        at = timedelta(seconds=seconds)
        read.clear()
        done = take(store, *new, arrives=at, later=at, waiting=waiting, read=counted)
        found.append((len(read), len(done.recorded)))
    assert found == [(1, 1), (0, 0), (1, 0), (0, 0), (1, 1), (0, 0), (1, 1), (0, 0)]
    assert not waiting.deliveries


@pytest.mark.parametrize("mails", [1, 30], ids=["many links of the mail", "many mails from the address"])
def test_what_waits_bears_on_what_is_judged_though_it_was_read_in_a_pass_before(store: SqlStore, mails: int) -> None:
    others = [a_sent_touch(store, lead=the_lead(store).id, address="ada@example.com").id for _ in range(mails - 1)]
    told = ["touchaaa"] * 9 if mails == 1 else others
    rest = [a_click(7200, f"https://acme.example/{n}", nurture_touch=touch) for n, touch in enumerate(told)]
    waiting, half = WaitingHits(), timedelta(seconds=30)
    take(store, [an_event("delivered", 5), a_click(7200)], later=timedelta(0), waiting=waiting)
    take(store, rest, arrives=half, later=half, waiting=waiting)
    take(store, later=2 * half, waiting=waiting)
    assert grades(store, Kind.CLICK) == [Grade.LIKELY_MACHINE]


def test_many_events_take_no_more_statements_than_few(store: SqlStore) -> None:
    told: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *given: told.append(given[2]))

    def statements(first: int, count: int) -> int:
        places = [an_enrollment(store, cadence="course", next_at=None) for _ in range(count)]
        mails = [
            a_sent_touch(store, enrollment=place, lead=place.lead, id=f"many{first + n}", address="ada@example.com")
            for n, place in enumerate(places)
        ]
        told.clear()
        batch = []
        for one in mails:
            batch += [an_event(kind, 5, nurture_touch=one.id) for kind in ("processed", "delivered")]
            batch.append(a_click(7200, nurture_touch=one.id, ip=f"203.0.113.{first}"))
        done = take(store, batch)
        assert len(done.recorded) == 2 * count
        return len(told)

    few = statements(0, 2)
    assert statements(100, 40) <= few + 3
