"""The first wave: a few mails of a new text go out and are watched; then the rest follows, or is held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from nurture.domain.lead import Lead
from nurture.domain.response import Grade, Kind
from nurture.domain.touch import Reason
from nurture.domain.verdict import Never
from nurture.domain.wave import Answers, Wave, emails_among, verdict
from nurture.flow import switches
from nurture.flow.respond import Report
from nurture.moves import first_wave
from tests.builders import a_lead
from tests.fakes import taken
from tests.flow.bench import a_bench
from tests.flow.loop import Loop, a_loop

HOUR = timedelta(hours=1)


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    """One mail that is new, for eight leads; four go first."""
    with a_loop(tmp_path, "- email: one", first_wave=4, group=2) as loop:
        announce(loop)
        with loop.store.unit() as work:
            leads = [a_lead(work) for _ in range(8)]
            work.commit()
        loop.enroll(*leads)
        yield loop


def announce(loop: Loop) -> None:
    """The mail is new or changed."""
    with loop.store.unit() as work:
        first_wave.announce(work, ["course/one"], now=loop.now)
        work.commit()


def waves(loop: Loop) -> dict[str, Wave]:
    """First waves that are not over."""
    with loop.store.unit(write=False) as work:
        return work.pacing.waves()


def alerts(loop: Loop) -> list[str]:
    """What an operator is told."""
    with loop.store.unit(write=False) as work:
        return [one.text for one in work.notes.select(what="first_wave_held")]


def answer(loop: Loop, kind: Kind, **detail: str) -> None:
    """An answer to the first of the mails that went."""
    mail = next(one for one in loop.touches() if one.sent_at is not None)
    loop.report(Report(kind, loop.now, mail.lead, mail.id, Grade.HUMAN, detail))


def test_a_few_go_first_and_the_rest_follows_by_itself_after_the_watch(loop: Loop) -> None:
    assert loop.tick().sent == 4
    rest = [one for one in loop.touches() if one.sent_at is None]
    assert {one.reason for one in rest} == {Reason.FIRST_WAVE}
    assert loop.tick(minutes=59).looked_at == 0
    assert loop.tick(minutes=1).sent == 4
    assert waves(loop) == {}
    assert alerts(loop) == []


@pytest.mark.parametrize(
    ("kind", "detail"), [(Kind.COMPLAINT, {}), (Kind.BOUNCE, {"bounce": "hard"}), (Kind.UNSUBSCRIBE, {})]
)
def test_what_comes_back_badly_is_held_with_an_alert(loop: Loop, kind: Kind, detail: dict[str, str]) -> None:
    loop.tick()
    loop.clock.advance(minutes=10)
    answer(loop, kind, **detail)
    assert loop.tick(minutes=50).sent == 0
    assert loop.tick(days=2).sent == 0
    (text,) = alerts(loop)
    assert "course/one is held: 1" in text
    waiting = [one for one in loop.touches() if one.sent_at is None]
    assert all("Apply a corrected text" in one.because for one in waiting if one.reason is Reason.FIRST_WAVE)


@pytest.mark.parametrize(
    ("kind", "detail"), [(Kind.BOUNCE, {"bounce": "full"}), (Kind.CLICK, {"url": "https://a.example"})]
)
def test_what_comes_back_well_holds_nothing(loop: Loop, kind: Kind, detail: dict[str, str]) -> None:
    loop.tick()
    answer(loop, kind, **detail)
    assert loop.tick(hours=1).sent == 4


def test_a_corrected_text_has_a_first_wave_of_its_own(loop: Loop) -> None:
    loop.tick()
    answer(loop, Kind.COMPLAINT)
    loop.tick(hours=1)
    loop.clock.advance(minutes=5)
    announce(loop)
    assert loop.tick().sent == 4
    assert loop.tick(hours=1).sent == 0
    assert waves(loop) == {}


def test_a_person_who_looked_lets_a_held_mail_go_on_with_its_cadence(loop: Loop) -> None:
    loop.tick()
    answer(loop, Kind.COMPLAINT)
    loop.tick(hours=1)
    again = {"store": loop.store, "now": loop.now, "by": "dana"}
    assert switches.resume("cadence:course", **again)  # type: ignore[arg-type]
    assert not switches.resume("cadence:course", **again)  # type: ignore[arg-type]
    assert loop.tick().sent == 4


def test_others_take_the_place_of_first_mails_that_were_refused(loop: Loop) -> None:
    loop.mailer.answers = lambda message: Never("550")
    loop.tick()
    loop.mailer.answers = taken
    assert loop.tick(hours=1).sent == 4
    assert len(waves(loop)["course/one"].mails) == 4


def test_a_changed_mail_begins_anew_for_those_who_come_later(loop: Loop) -> None:
    loop.tick()
    loop.tick(hours=1)
    announce(loop)
    late: list[Lead] = [a_lead(loop.store) for _ in range(5)]
    loop.enroll(*late)
    assert loop.tick().sent == 4
    assert loop.tick(hours=1).sent == 1


def test_a_first_wave_that_is_turned_off_after_apply_holds_nothing_back(loop: Loop) -> None:
    loop.tick()
    loop.policy = replace(loop.policy, first_wave=0)
    assert loop.tick(minutes=1).sent == 4
    assert waves(loop) == {}


def test_what_is_held_stays_held_when_first_waves_are_turned_off(loop: Loop) -> None:
    loop.tick()
    answer(loop, Kind.COMPLAINT)
    loop.tick(hours=1)
    loop.policy = replace(loop.policy, first_wave=0)
    assert loop.tick(minutes=1).sent == 0
    assert waves(loop)["course/one"].held


def test_a_first_wave_that_is_made_smaller_while_it_goes_is_watched_and_ends(loop: Loop) -> None:
    loop.policy = replace(loop.policy, first_wave=20)
    assert loop.tick().sent == 8
    loop.policy = replace(loop.policy, first_wave=5)
    loop.enroll(a_lead(loop.store))
    assert [loop.tick(minutes=30).sent for _ in range(3)] == [0, 0, 1]
    assert waves(loop) == {}


def test_apply_begins_a_first_wave_of_what_is_new_or_changed_and_of_nothing_else(tmp_path: Path) -> None:
    with a_bench(tmp_path) as bench:
        with bench.store.unit() as work:
            assert "course/one" in work.pacing.waves()
            work.pacing.end_waves(list(work.pacing.waves()))
            work.commit()
        bench.sources["templates/course/two.txt"] += "PS\n"
        bench.apply()
        assert list(waves(bench)) == ["course/two"]
        bench.policy = replace(bench.policy, first_wave=0)
        bench.sources["templates/course/one.txt"] += "PS\n"
        bench.apply()
        assert list(waves(bench)) == ["course/two"]


def test_the_verdict_on_a_first_wave_is_the_designs() -> None:
    assert verdict(Answers(20)) == verdict(Answers(20, hard_bounces=1)) == verdict(Answers(100, unsubscribes=2)) == ""
    assert verdict(Answers(20, hard_bounces=2)) == "2 hard bounces among the first 20 mails"
    assert verdict(Answers(20, unsubscribes=1)) == "1 unsubscribe among the first 20 mails"
    assert verdict(Answers(20, complaints=1, unsubscribes=3)).startswith("1 complaint and 3 unsubscribes")


def test_the_mails_that_are_new_are_those_whose_files_are_or_whose_layout_is() -> None:
    every = ["templates/a/one.html", "templates/a/one.txt", "templates/shared/two.txt", "templates/a/call.md"]
    assert emails_among(["templates/a/one.txt", "templates/a/call.md", "cadences/a.yaml"], every) == ["a/one"]
    assert emails_among(["templates/layouts/default.html"], every) == ["a/one", "shared/two"]
    assert emails_among(["templates/a/gone.html"], every) == []
