"""Versions in flight: what leads on an old version meet, what they remember, and mistakes that are put right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from nurture.adapters.rules import AppliedRules
from nurture.domain.errors import FilesError
from nurture.domain.message import Message
from nurture.domain.response import CallOutcome, Kind
from nurture.domain.touch import Channel, Reason, State
from nurture.domain.verdict import Verdict, Yes
from nurture.flow import enroll, switches, tasks, versions
from nurture.moves.responding import Report
from tests.builders import a_lead
from tests.flow.bench import Bench, a_bench

WEEKLY = "- stream:\n    every: 1 week\n    items: [{items}]\n"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A course in force."""
    with a_bench(tmp_path) as made:
        yield made


# Streams ---------------------------------------------------------------------------------------------------------


def test_items_added_to_a_stream_reach_those_on_an_old_version_though_another_stream_stands_before_it(
    bench: Bench,
) -> None:
    bench.write(WEEKLY.format(items="one, two"))
    bench.apply()
    (lead,) = bench.leads()
    bench.tick()
    bench.write(WEEKLY.format(items="four, five") + WEEKLY.format(items="one, two, three"), mails="three four five")
    bench.apply()
    bench.ticks(timedelta(weeks=4), every=timedelta(days=1))
    assert bench.states(lead) == ["one sent", "two sent", "three sent"]


def test_items_taken_out_of_a_stream_are_not_waited_for(bench: Bench) -> None:
    bench.write(WEEKLY.format(items="one, two, three"))
    bench.apply()
    (lead,) = bench.leads()
    bench.tick()
    bench.tick(weeks=1)
    bench.write(WEEKLY.format(items="three"))
    bench.apply()
    bench.ticks(timedelta(weeks=2), every=timedelta(days=1))
    assert bench.states(lead) == ["one sent", "two sent", "three sent"]


def test_a_cadence_whose_files_are_gone_fails_at_what_cannot_be_shown_and_ends(bench: Bench) -> None:
    bench.write(WEEKLY.format(items="one, two"))
    bench.apply()
    (lead,) = bench.leads()
    bench.tick()
    for path in list(bench.sources):
        if "course" in path:
            del bench.sources[path]
    bench.apply()
    bench.ticks(timedelta(weeks=3), every=timedelta(days=1))
    assert bench.states(lead) == ["one sent", "two failed"]
    assert bench.enrollment(lead).ended_at is not None


# Renamed steps ---------------------------------------------------------------------------------------------------


def test_what_a_renamed_call_came_to_is_remembered_under_its_new_name(bench: Bench) -> None:
    bench.write("- call: talk\n- wait: 3 days\n- email: one")
    bench.apply()
    (lead,) = bench.leads()
    bench.tick()
    (task,) = bench.touches(lead)
    tasks.done(task.id, CallOutcome.VOICEMAIL, new_id=bench.clock.new_id, by="cal", **bench.common)
    steps = "- call: intro\n- wait: 3 days\n- if: outcome('intro') == 'voicemail'\n"
    steps += "  then: [{email: two}]\n  else: [{email: one}]"
    bench.write(steps, more="renamed: {talk: intro}", calls="intro")
    bench.apply(migrate=True)
    bench.ticks(timedelta(days=4), every=timedelta(days=1))
    assert bench.states(lead) == ["talk done", "two sent"]


def test_a_renamed_email_was_sent_and_clicked_under_its_new_name(bench: Bench) -> None:
    bench.write("- email: one\n- wait: 3 days\n- email: two")
    bench.apply()
    lead, other = bench.leads(2)
    bench.tick()
    (touch,) = bench.touches(lead)
    bench.report(Report(Kind.CLICK, bench.now, lead.id, touch.id))
    steps = "- email: first\n- wait: 3 days\n- if: sent('first') and clicked('first')\n"
    steps += "  then: [{email: two}]\n  else: [{email: three}]"
    bench.write(steps, more="renamed: {one: first}", mails="first three")
    bench.apply(migrate=True)
    bench.ticks(timedelta(days=4), every=timedelta(days=1))
    assert (bench.states(lead), bench.states(other)) == (["one sent", "two sent"], ["one sent", "three sent"])


# Mistakes put right ----------------------------------------------------------------------------------------------

SORRY = "enroll: {{when: \"sent('course/{mail}')\", again: never}}\nexclusive: false\npriority: 90"


def test_a_correction_goes_to_those_who_were_sent_the_wrong_mail_and_to_nobody_else(bench: Bench) -> None:
    wrong, later = bench.leads(2)
    enroll.pause([later.id], until=None, store=bench.store, now=bench.now, by="me")
    bench.tick()
    bench.write("- email: sorry", name="correction", more=SORRY.format(mail="one"), mails="sorry")
    bench.apply()
    enroll.reconsider(store=bench.store)
    enroll.run(**bench.common)
    bench.tick(minutes=1)
    assert bench.states(wrong) == ["one sent", "sorry sent"]
    assert bench.states(later) == []


def test_who_is_sent_it_after_the_correction_was_written_gets_the_correction_too(bench: Bench) -> None:
    bench.write("- email: sorry", name="correction", more=SORRY.format(mail="one"), mails="sorry")
    bench.apply()
    (lead,) = bench.leads()
    bench.tick()
    enroll.run(**bench.common)
    bench.tick(minutes=1)
    assert bench.states(lead) == ["one sent", "sorry sent"]


def test_a_wrong_link_is_repaired_in_mails_that_went_out_and_in_those_to_come(bench: Bench) -> None:
    first, later = bench.leads(2)
    enroll.pause([later.id], until=None, store=bench.store, now=bench.now, by="me")
    bench.tick()
    old, new = "https://acme.example/one", "https://acme.example/right"
    assert switches.repair_link(old, new, store=bench.store, now=bench.now, by="me") == 1
    enroll.resume([later.id], store=bench.store, now=bench.now, by="me")
    bench.tick(minutes=1)
    assert bench.states(first) == bench.states(later) == ["one sent"]
    with bench.store.unit(write=False) as work:
        ((link, url, target),) = work.touches.links()
        assert (url, target, work.touches.link_target(link)) == (old, new, new)


@pytest.mark.parametrize("name", ["send", "cadence:course"])
def test_a_pause_takes_effect_between_two_mails(bench: Bench, name: str) -> None:
    leads = bench.leads(3)

    def pausing(message: Message) -> Verdict:
        switches.pause(name, reason="a wrong price", store=bench.store, now=bench.now, by="me")
        return Yes("p")

    bench.mailer.answers = pausing
    bench.policy = replace(bench.policy, group=1)
    bench.tick()
    assert sorted(state for lead in leads for state in bench.states(lead)) == ["one planned", "one planned", "one sent"]
    bench.mailer.answers = lambda _: Yes("p")
    switches.resume(name, store=bench.store, now=bench.now, by="me")
    bench.tick(minutes=1)
    assert [bench.states(lead) for lead in leads] == [["one sent"]] * 3


def test_who_is_in_the_first_wave_and_waits_for_the_morning_is_told_of_the_window(bench: Bench) -> None:
    bench.write("- email: one")
    path = "cadences/course.yaml"
    bench.sources[path] = bench.sources[path].replace("00:00-24:00", "20:00-21:00")
    bench.apply()
    (lead,) = bench.leads()
    bench.tick()
    (touch,) = bench.touches(lead)
    assert touch.reason is Reason.WINDOW


def test_a_changed_priority_is_for_everyone_also_for_those_in_an_older_version(bench: Bench) -> None:
    first, paused = bench.leads(2)
    enroll.pause([paused.id], until=None, store=bench.store, now=bench.now, by="me")
    bench.write("- email: one\n- wait: 1 day\n- email: three", more="priority: 90")
    bench.apply()
    second = bench.leads()[0]
    with bench.store.unit(write=False) as work:
        found = {one.lead: (one.version, one.priority) for one in work.enrollments.select()}
    assert found == {first.id: (1, 90), paused.id: (1, 90), second.id: (2, 90)}
    bench.write("- email: one\n- wait: 1 day\n- email: three", more="priority: 10")
    bench.apply()
    with bench.store.unit(write=False) as work:
        assert {one.priority for one in work.enrollments.select()} == {10}


# Files that are being edited -------------------------------------------------------------------------------------


def test_what_is_edited_while_passes_run_has_no_effect_before_it_is_applied(bench: Bench) -> None:
    (lead,) = bench.leads()
    bench.tick()
    bench.write("- email: one\n- wait: 1 day\n- email: three")
    bench.sources["templates/course/two.txt"] = "half a sent"
    running = AppliedRules(bench.store, bench.files)
    bench.rules = running.in_force()
    bench.tick(days=10)
    assert bench.states(lead) == ["one sent", "two sent"]
    assert "half a sent" not in bench.mailer.sent[-1].text
    bench.sources["cadences/course.yaml"] = "name: course\nsteps:\n  - email: on"
    with pytest.raises(FilesError):
        bench.apply()
    assert running.in_force() is bench.rules
    del bench.sources["templates/course/two.txt"]
    bench.write("- email: one\n- wait: 1 day\n- email: three")
    bench.apply()
    assert running.in_force().versions["course"] == 2  # the running daemon sees what was applied, with its next pass


def test_results_are_counted_by_version(bench: Bench) -> None:
    first, second = bench.leads(2)
    bench.tick()
    (touch,) = bench.touches(first)
    bench.report(Report(Kind.CLICK, bench.now, first.id, touch.id))
    bench.write("- email: three\n- wait: 1 day\n- call: talk")
    bench.apply()
    third = a_lead(bench.store, phone="+33123456789")
    bench.enroll(third)
    enroll.stop([second.id], cadence=None, store=bench.store, now=bench.now, by="me")
    bench.tick()
    bench.tick(days=1)
    old, new = versions.stats("course", store=bench.store)
    assert [old[key] for key in ("version", "enrolled", "active", "stopped", "sent", "clicked")] == [1, 2, 1, 1, 2, 1]
    assert [new[key] for key in ("version", "enrolled", "active", "stopped", "sent", "clicked")] == [2, 1, 1, 0, 1, 0]
    assert [one.state for one in bench.touches(third) if one.channel is Channel.CALL] == [State.OPEN]
