"""Touches in the database: each happens once, moves by compare-and-set, and counts against the limits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from nurture.adapters.store.sent_texts import LONG
from nurture.adapters.store.tables import skeletons, touch_texts
from nurture.adapters.store.tables import touches as table
from nurture.adapters.store.unit import SqlStore
from nurture.domain.skeleton import ENOUGH
from nurture.domain.touch import Channel, Reason, State
from nurture.ports.rows import SentText
from tests.builders import a_company, a_lead, a_sent_touch, a_store, a_touch, an_enrollment
from tests.fakes import A_TUESDAY as NOW
from tests.postgres import Server

HOUR = timedelta(hours=1)


def test_a_touch_comes_back_as_it_was_stored(store: SqlStore) -> None:
    made = a_touch(
        store,
        reason=Reason.WINDOW,
        because="closed until Monday",
        ask=("budget", "timeline"),
        intent_at=NOW,
        lease_until=NOW + HOUR,
        provider_id="p",
        message_id="<m@example.com>",
        script="Hello ü",
        occurrence=2,
    )
    with store.unit() as work:
        assert work.touches.get([made.id]) == {made.id: made}
        assert work.touches.by_message_id("<m@example.com>") == made
        assert work.touches.by_message_id("<other@example.com>") is None
    assert made.ask == ("budget", "timeline")
    assert made.reason is Reason.WINDOW


def test_a_step_of_an_enrollment_makes_a_touch_once_for_each_occurrence(store: SqlStore) -> None:
    enrollment = an_enrollment(store)
    a_touch(store, enrollment=enrollment)
    a_touch(store, enrollment=enrollment, occurrence=2)
    with pytest.raises(IntegrityError):
        a_touch(store, enrollment=enrollment)


def test_an_invented_state_is_refused_by_the_database(store: SqlStore) -> None:
    made = a_touch(store)
    for column in ("state", "channel"):
        with pytest.raises(IntegrityError), store.engine.begin() as db:
            db.execute(table.update().where(table.c.id == made.id).values({column: "invented"}))


def test_a_change_is_stored_only_over_the_state_and_attempt_it_was_made_from(store: SqlStore) -> None:
    first, second = a_touch(store), a_touch(store)
    sending = [replace(one, state=State.SENDING, attempt=1) for one in (first, second)]
    was = {one.id: (0, State.PLANNED) for one in sending}
    with store.unit() as work:
        assert work.touches.save(sending, was=was) == {first.id, second.id}
        assert work.touches.save(sending, was=was) == frozenset()
        sent = replace(sending[0], state=State.SENT)
        assert work.touches.save([sent], was={first.id: (2, State.SENDING)}) == frozenset()
        assert work.touches.save([sent], was={first.id: (1, State.SENDING)}) == {first.id}
        assert work.touches.get([first.id])[first.id].state is State.SENT
        assert work.touches.count_by_state() == {State.SENT: 1, State.SENDING: 1}
        assert work.touches.save([], was={}) == frozenset()


def test_of_two_that_move_a_touch_at_once_one_wins(store: SqlStore) -> None:
    made = a_touch(store)
    together = Barrier(4)

    def intend(turn: int) -> bool:
        together.wait()
        with store.unit() as work:
            sending = replace(made, state=State.SENDING, attempt=1, because=f"daemon {turn}")
            won = work.touches.save([sending], was={made.id: (0, State.PLANNED)})
            work.commit()
            return bool(won)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(intend, range(4))) == [False, False, False, True]


def test_locks_for_limits_taken_in_any_order_do_not_deadlock(store: SqlStore) -> None:
    companies = [a_company(store) for _ in range(3)]
    leads = [a_lead(store, company=company).id for company in companies]
    ids = [company.id for company in companies]
    together = Barrier(2)

    def lock(turn: int) -> None:
        together.wait()
        for _ in range(10):
            with store.unit() as work:
                work.touches.lock_for_limits(leads[:: (-1) ** turn], ids[:: (-1) ** turn])
                work.commit()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lock, range(2)))


def test_touches_count_from_after_a_moment_by_lead(store: SqlStore) -> None:
    lead = a_lead(store).id
    for at in (NOW - HOUR, NOW, NOW + HOUR):
        a_sent_touch(store, lead=lead, now=at)
    a_touch(store, lead=lead)
    with store.unit() as work:
        assert sorted(work.touches.counted([lead], NOW - HOUR)[lead]) == [NOW, NOW + HOUR]
        assert work.touches.counted([lead], NOW + HOUR) == {}


def test_an_e_mail_was_had_when_it_went_out_or_may_have(store: SqlStore) -> None:
    lead, other = a_lead(store).id, a_lead(store).id
    a_sent_touch(store, lead=lead, template="a")
    a_touch(store, lead=lead, template="b")
    a_touch(store, lead=lead, template="c", state=State.IN_DOUBT, counted_at=NOW)
    a_touch(store, lead=lead, template="d", channel=Channel.CALL, state=State.DONE, counted_at=NOW)
    with store.unit() as work:
        pairs = [(who, template) for who in (lead, other) for template in "abcd"]
        assert work.touches.had(pairs) == {(lead, "a"), (lead, "c")}
        assert work.touches.had([]) == frozenset()


def test_a_text_is_kept_as_sent_and_replaced_by_a_later_attempt(store: SqlStore) -> None:
    made = a_touch(store)
    with store.unit() as work:
        assert work.touches.text(made.id) is None
        work.touches.save_texts(work.touches.lay_out([SentText(made.id, "a", "p@x.example", "Hi", "<p>1</p>", "1")]))
        work.touches.save_texts(
            work.touches.lay_out([SentText(made.id, "a", "p@x.example", "Hi", "<p>2</p>", "2\r\nü", again=True)])
        )
        work.touches.save_texts([])
        assert work.touches.text(made.id) == ("Hi", "<p>2</p>", "2\r\nü")


def _mail(number: int, template: str, *, filler: str = "of many words, " * 20) -> tuple[str, str, str]:
    start = "".join(f"<p>{template} has a line {line} {filler}</p>\n" for line in range(9))
    html = f"{start}<a href='https://x.example/{number}'>{number}</a>\n<p>Bye</p>"
    return f"For {number}", html, f"{start}Hello \u00fc {number},\n{filler}"


def test_mails_of_a_template_keep_only_what_differs_and_are_read_as_they_were_sent(store: SqlStore) -> None:
    mails = {a_touch(store).id: _mail(number, "ab"[number % 2]) for number in range(3 * ENOUGH)}
    sent = [
        SentText(touch, "ab"[number % 2], f"p{number}@x.example", *mail)
        for number, (touch, mail) in enumerate(mails.items())
    ]
    with SqlStore(store.engine).unit() as work:
        for few in (sent[:5], sent[5:]):
            work.touches.save_texts(work.touches.lay_out(few))
        work.commit()
    late = a_touch(store).id
    with SqlStore(store.engine).unit() as work:  # who has sent none of them
        assert work.touches.texts(list(mails)) == mails
        work.touches.save_texts(work.touches.lay_out([SentText(late, "a", "late@x.example", *_mail(99, "a"))]))
        work.commit()
        assert work.touches.text(late) == _mail(99, "a")
    with store.engine.connect() as db:
        rows = {row.touch_id: row for row in db.execute(select(touch_texts))}
        shared = [row.template for row in db.execute(select(skeletons))]
    assert sorted(shared) == ["a", "b"]
    assert len(rows[late].html) + len(rows[late].text) < 200
    assert sum(row.skeleton_id is None for row in rows.values()) == 5  # there were too few to know what they share


def test_what_went_to_few_people_is_in_no_skeleton(store: SqlStore) -> None:
    touches = [a_touch(store).id for _ in range(2 * ENOUGH)]
    with store.unit() as work:
        mails = [
            SentText(touch, "a", f"p{number % (ENOUGH - 1)}@x.example", *_mail(1, "a"))
            for number, touch in enumerate(touches)
        ]
        work.touches.save_texts(work.touches.lay_out(mails))
        work.commit()
    with store.engine.connect() as db:
        assert db.execute(select(skeletons)).all() == []


def test_a_mail_unlike_the_others_keeps_what_differs_and_one_that_shares_nothing_stays_as_it_is(
    store: SqlStore,
) -> None:
    ids = [a_touch(store).id for _ in range(ENOUGH + 3)]
    # A template of its own: what this process has learned of others in other tests it goes on knowing.
    usual = [_mail(number, "lacking") for number in range(ENOUGH)]
    subject, html, text = _mail(99, "lacking")
    shorter = ["\n".join(one.split("\n")[:4] + one.split("\n")[5:]) for one in (html, text)]
    lacks = (subject, shorter[0], shorter[1])
    others = [lacks, ("Hi", "<p>short</p>", "and other words"), ("Long", "x" * (LONG + 1), "y")]
    mails = dict(zip(ids, [*usual, *others], strict=True))
    with store.unit() as work:
        sent = [SentText(touch, "lacking", f"{touch}@x.example", *mail) for touch, mail in mails.items()]
        work.touches.save_texts(work.touches.lay_out(sent))
        work.commit()
        assert work.touches.texts(ids) == mails
    with store.engine.connect() as db:
        rows = {row.touch_id: row for row in db.execute(select(touch_texts))}
    unlike, short, long = (rows[one] for one in ids[-3:])
    assert len(unlike.html) + len(unlike.text) < (len(lacks[1]) + len(lacks[2])) / 4
    assert (short.skeleton_id, short.html, short.text) == (None, *others[1][1:])
    assert (long.skeleton_id, long.html) == (None, others[2][1])


def test_nobody_looks_for_what_very_long_mails_share(store: SqlStore) -> None:
    long = "word " * (LONG // 5 + 1)
    with store.unit() as work:
        sent = [SentText(a_touch(store).id, "a", f"p{number}@x.example", "Hi", long, long) for number in range(ENOUGH)]
        work.touches.save_texts(work.touches.lay_out(sent))
        work.commit()
    with store.engine.connect() as db:
        assert db.execute(select(skeletons)).all() == []


def test_a_skeleton_whose_first_use_was_not_committed_is_stored_with_the_next(store: SqlStore) -> None:
    touches = [a_touch(store).id for _ in range(2 * ENOUGH)]
    sent = [SentText(touch, "a", f"p{touch}@x.example", *_mail(n, "a")) for n, touch in enumerate(touches)]
    process = SqlStore(store.engine)
    with process.unit() as work:
        work.touches.save_texts(work.touches.lay_out(sent[:ENOUGH]))  # and is rolled back
    with process.unit() as work:
        work.touches.save_texts(work.touches.lay_out(sent[ENOUGH:]))
        work.commit()
    with SqlStore(store.engine).unit() as work:
        assert work.touches.texts(touches) == {one.touch: one[3:6] for one in sent[ENOUGH:]}


def test_only_touches_whose_lease_is_over_are_unsettled(store: SqlStore) -> None:
    over = a_touch(store, state=State.SENDING, lease_until=NOW)
    doubt = a_touch(store, state=State.IN_DOUBT, lease_until=NOW - HOUR)
    a_touch(store, state=State.SENDING, lease_until=NOW + HOUR)
    a_touch(store, state=State.SENT, lease_until=NOW - HOUR)
    with store.unit() as work:
        assert work.touches.unsettled(NOW, 9) == [doubt, over]
        assert work.touches.unsettled(NOW, 1) == [doubt]


def test_touches_and_open_tasks_are_selected(store: SqlStore) -> None:
    lead = a_lead(store)
    late = a_touch(store, lead=lead, state=State.OPEN, channel=Channel.CALL, due_at=NOW + HOUR)
    early = a_touch(
        store, enrollment=None, state=State.OPEN, channel=Channel.CALL, due_at=NOW, step="call", now=NOW - HOUR
    )
    done = a_touch(store, state=State.DONE, channel=Channel.CALL, now=NOW + HOUR)
    with store.unit() as work:
        assert work.touches.open_tasks() == [early, late]
        assert work.touches.open_tasks(due_before=NOW) == [early]
        assert work.touches.select() == [early, late, done]
        assert work.touches.select(since=NOW, until=NOW + HOUR) == [late]
        assert work.touches.select(state=State.DONE) == [done]
        assert work.touches.select(lead=lead.id, cadence="evergreen", step="hello") == [late]
        assert work.touches.select(step="call") == [early]
        assert work.touches.of_leads([lead.id]) == {lead.id: [late]}


def test_a_link_is_known_once_and_can_be_led_elsewhere(store: SqlStore) -> None:
    with store.unit() as work:
        work.touches.add_links({"k1": "https://a.example/1", "k2": "https://a.example/2"})
        assert work.touches.repair_link("https://a.example/1", "https://b.example/1") == 1
        work.touches.add_links({"k1": "https://a.example/1"})
        assert work.touches.link_target("k1") == "https://b.example/1"
        assert work.touches.link_target("nothing") is None
        assert work.touches.links()[0] == ("k1", "https://a.example/1", "https://b.example/1")
        assert work.touches.repair_link("https://b.example/1", "https://c.example/1") == 1


# How often this connection has lately read the table from its beginning to its end.
READ = text("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'touches'")


def test_on_postgresql_a_table_that_has_grown_is_not_read_for_each_new_mail(postgres_server: Server) -> None:
    with postgres_server.database() as url, a_store(url) as store:
        first = replace(a_touch(store), enrollment=None)
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            db.execute(text("VACUUM (ANALYZE)"))  # now the server knows how small it is
        reads = []
        for _ in range(14):
            made = [replace(first, id=str(uuid4())) for _ in range(100)]
            mails = [SentText(one.id, "grown", "p@x.example", "Hi", "<p>Hello</p>", "Hello") for one in made]
            with store.unit() as work:
                work.touches.add(made)
                work.touches.save_texts(work.touches.lay_out(mails))
                reads.append(work.touches._db.execute(READ).scalar_one())
                work.commit()
        assert reads[-1] - reads[-2] < 10
