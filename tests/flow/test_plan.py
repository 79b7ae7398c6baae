"""plan and apply: what would change, for whom and when; leads in flight; broken files; migration."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from nurture.adapters.rules import AppliedRules
from nurture.domain.enrollment import Enrollment
from nurture.domain.errors import FilesError, RefusedError
from nurture.domain.lead import Lead
from nurture.domain.touch import State
from nurture.flow import plan as arrow
from nurture.flow.plan import Moved, failing
from tests.builders import a_company, a_lead
from tests.flow.bench import COURSE, Bench, a_bench
from tests.flow.loop import HTML

SCORING = "stages:\n  near_term: {enter: employees >= 100, leave: employees < 100}\n"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A course in force."""
    with a_bench(tmp_path) as made:
        yield made


def test_after_apply_nothing_differs(bench: Bench) -> None:
    assert bench.plan().is_empty
    assert bench.changed() == []


def test_comments_make_a_difference_but_no_version(bench: Bench) -> None:
    bench.sources["cadences/course.yaml"] += "# a word\n"
    (one,) = bench.plan().differences
    assert (one.change, one.from_version, one.to_version, one.text) == ("text", 1, 1, "comments or layout only")


def test_a_wait_that_is_shorter_says_what_it_was_for_whom_and_from_when_to_when(bench: Bench) -> None:
    bench.leads(3)
    begun = bench.now
    bench.tick()
    bench.write(COURSE.replace("10 days", "4 days"))
    one = bench.difference("retimed", "two")
    assert (one.text, one.leads, one.from_version, one.to_version) == ("10 days -> 4 days", 3, 1, 2)
    assert one.old_due == begun + timedelta(days=10)
    assert one.new_due == begun + timedelta(days=4)
    assert bench.changed() == [("retimed", "two")]


def test_steps_added_removed_and_moved_are_each_named(bench: Bench) -> None:
    bench.leads(2)
    bench.tick()
    bench.write("- call: talk\n- email: one\n- wait: 10 days\n- email: three")
    assert set(bench.changed()) >= {("removed", "two"), ("added", "three")}
    assert ("moved", "talk") in bench.changed() or ("moved", "one") in bench.changed()
    assert bench.difference("removed", "two").leads == 2


def test_a_step_put_into_a_branch_has_moved(bench: Bench) -> None:
    bench.write("- email: one\n- wait: 10 days\n- if: fit > 3\n  then:\n    - email: two\n- wait: 5 days\n- call: talk")
    assert bench.difference("moved", "two").text == "for everyone -> if fit > 3"


def test_a_template_names_the_step_that_shows_it_and_who_still_gets_it(bench: Bench) -> None:
    bench.leads(2)
    bench.tick()
    bench.sources["templates/course/two.txt"] += "PS\n"
    one = bench.difference("text", "two")
    assert (one.cadence, one.leads, one.to_version) == ("course", 2, 1)
    bench.sources["templates/course/one.txt"] += "PS\n"
    assert bench.difference("text", "one").leads == 0


def test_another_sender_is_a_change_of_its_own(bench: Bench) -> None:
    bench.leads()
    bench.write(COURSE, more="from: dana")
    one = bench.difference("sender")
    assert (one.leads, one.text) == (1, "from the only sender -> dana")


def test_new_scoring_tells_whose_stage_would_change(bench: Bench) -> None:
    for employees in (50, 150, 250):
        a_lead(bench.store, company=a_company(bench.store, employees=employees))
    bench.sources["scoring.yaml"] = SCORING
    one = bench.difference("stage")
    assert (one.leads, one.text) == (2, "unknown -> near_term")


def test_an_email_that_fails_names_the_leads_for_whom(bench: Bench) -> None:
    good, bad = bench.leads(2)
    with bench.store.unit() as work:
        work.leads.update(bad.id, {"custom": {"seats": "many"}})
        work.leads.update(good.id, {"custom": {"seats": 3}})
        work.commit()
    bench.sources["templates/course/two.txt"] += "{{ x.seats / 2 }}\n"
    (failure,) = bench.plan().rendered.failures
    assert (failure.template, failure.lead, failure.email) == ("course/two", bad.id, bad.email)
    assert "templates/course/two.txt:4" in failure.message


BODIES = """
{{ title }} {{ x.note or 'nothing' }} {{ employees }}
{{ x.seats / 2 }}
{% if employees > 100 %}{{ company|upper }}{% endif %}
{% if title %}{{ x.seats * 2 }}{% else %}{{ 1 / x.none }}{% endif %}
{% set words = title %}{{ words ~ x.note }}
{% for part in x.note %}{{ part }}{% endfor %}
{% macro double(n) %}{{ n * 2 }}{% endmacro %}{{ double(x.seats) }}
"""
CUSTOM = [{}, {"seats": 3}, {"seats": 0}, {"seats": "many"}, {"seats": True, "note": "a"}, {"note": ["a", "b"]}]


@pytest.mark.parametrize("body", BODIES.strip().splitlines())
def test_what_is_said_of_every_lead_is_what_rendering_each_of_them_says(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    leads = bench.leads(18)
    with bench.store.unit() as work:
        for number, lead in enumerate(leads):
            titles = [None, "", "CEO", "x" * 150, "line\nbreak"]
            values = {
                "custom": CUSTOM[number % 6],
                "title": titles[number % 5],
                "first_name": [None, "Ada"][number % 2],
            }
            work.leads.update(lead.id, values)
        work.commit()
    html = HTML.format(name="one").replace("one for {{ first_name }}", "{{ title }}")
    bench.sources["templates/course/one.html"] = html + body
    bench.sources["templates/course/two.txt"] += body
    found = bench.plan().rendered
    monkeypatch.setattr(failing, "_alike", lambda *_: None)
    each = bench.plan().rendered
    assert found == each
    assert found.texts == 18 * 3


def test_a_text_is_rendered_once_for_all_who_get_it_alike(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.leads(30)
    bench.sources["templates/course/one.txt"] += "PS\n"
    made = []
    monkeypatch.setattr(failing, "_trouble", lambda use, lead, scene: made.append(use.path))
    assert bench.plan().rendered.texts == 90
    assert sorted(made) == ["course/one", "course/talk", "course/two"]


def test_an_email_is_tried_for_those_who_would_enter(bench: Bench) -> None:
    lead = a_lead(bench.store, title="CEO")
    bench.write("- email: one", name="bosses", more="enroll: {when: title == 'CEO'}")
    bench.sources["templates/bosses/one.txt"] += "{{ title / 2 }}\n"
    assert [one.lead for one in bench.plan().rendered.failures] == [lead.id]


def test_a_template_that_leads_in_flight_still_need_must_not_go(bench: Bench) -> None:
    (lead,) = bench.leads()
    bench.write("- email: one\n- wait: 3 days\n- call: talk")
    for part in ("html", "txt"):
        del bench.sources[f"templates/course/two.{part}"]
    assert [(one.template, one.lead) for one in bench.plan().rendered.failures] == [("two", lead.id)]


def test_upcoming_enrollments_are_counted_with_their_rate(bench: Bench) -> None:
    for _ in range(5):
        a_lead(bench.store, title="CEO")
    bench.write("- email: one", name="bosses", more="enroll: {when: title == 'CEO', rate: 2 per day}")
    (one,) = bench.plan().upcoming
    assert (one.cadence, one.leads, one.today) == ("bosses", 5, 2)
    assert (one.last_entry - bench.now) > timedelta(days=1, hours=12)
    bench.apply()
    assert bench.plan().is_empty
    assert [one.leads for one in bench.plan().upcoming] == [5]


def test_broken_files_change_nothing(bench: Bench) -> None:
    before = bench.rules.generation
    bench.sources["cadences/course.yaml"] = "name: course\nsteps:\n  - emial: one\n"
    with pytest.raises(FilesError, match=r"course.yaml:3"):
        bench.apply()
    assert AppliedRules(bench.store, bench.files).in_force().generation == before


def test_a_dry_run_changes_nothing(bench: Bench) -> None:
    bench.leads()
    bench.write(COURSE.replace("10 days", "4 days"))
    assert bench.apply(migrate=True, dry_run=True) == [Moved("course", 2, 1)]
    assert not bench.plan().is_empty
    with bench.store.unit() as work:
        assert work.control.versions()["course"][0] == 1


def test_what_was_applied_in_between_is_not_overwritten(bench: Bench) -> None:
    bench.write(COURSE.replace("10 days", "4 days"))
    old = bench.plan()
    bench.apply()
    with pytest.raises(RefusedError, match="in between"):
        arrow.apply(old, store=bench.store, policy=bench.policy, now=bench.now, by="tester")


def test_without_migrate_leads_go_on_in_their_version(bench: Bench) -> None:
    (lead,) = bench.leads()
    bench.tick()
    bench.write(COURSE.replace("10 days", "4 days"))
    bench.apply()
    bench.tick(days=5)
    assert bench.states(lead) == ["one sent"]
    assert bench.enrollment(lead).version == 1


def moved_enrollment(bench: Bench, lead: Lead) -> Enrollment:
    """The enrollment of a lead after `apply --migrate`."""
    assert bench.apply(migrate=True) == [Moved("course", 2, 1)]
    after = bench.enrollment(lead)
    assert after.version == 2
    return after


def test_a_lead_that_waits_has_its_wait_counted_again(bench: Bench) -> None:
    (lead,) = bench.leads()
    bench.tick()
    bench.write(COURSE.replace("10 days", "4 days"))
    moved_enrollment(bench, lead)
    bench.tick(days=3, hours=23)
    assert bench.states(lead) == ["one sent"]
    bench.tick(hours=2)
    assert bench.states(lead) == ["one sent", "two sent"]


def test_a_wait_between_two_others_counts_from_the_contact(bench: Bench) -> None:
    (lead,) = bench.leads()
    bench.tick()
    bench.write("- email: one\n- wait: 2 days\n- email: three\n- wait: 10 days\n- email: two")
    moved_enrollment(bench, lead)
    bench.tick(days=2)
    assert bench.states(lead) == ["one sent", "three sent"]


def test_an_open_task_is_kept_and_what_follows_it_is_new(bench: Bench) -> None:
    bench.write("- call: talk\n- wait: 2 days\n- email: one")
    bench.apply()
    (lead,) = bench.leads()
    bench.tick()
    (task,) = bench.touches(lead)
    bench.write("- call: talk\n- wait: 1 day\n- email: two")
    assert bench.apply(migrate=True) == [Moved("course", 3, 1)]
    bench.tick()
    assert [(one.id, one.state) for one in bench.touches(lead)] == [(task.id, State.OPEN)]
    bench.ticks(timedelta(days=5))
    assert bench.states(lead) == ["talk expired", "two sent"]


def test_a_removed_step_is_refused_with_the_names_of_those_who_stand_on_it(bench: Bench) -> None:
    (lead,) = bench.leads()
    bench.tick()
    bench.write("- email: three\n- wait: 10 days\n- email: two")
    with pytest.raises(RefusedError, match=f"'one' of course.*{lead.email}"):
        bench.apply(migrate=True)
    assert bench.enrollment(lead).version == 1
    assert not bench.plan().is_empty


def test_a_renamed_step_takes_its_leads_along(bench: Bench) -> None:
    (lead,) = bench.leads()
    bench.tick()
    bench.write("- email: three\n- wait: 3 days\n- email: two", more="renamed: {one: three}")
    assert ("removed", "one") not in bench.changed()
    moved_enrollment(bench, lead)
    bench.tick(days=3)
    assert bench.states(lead) == ["one sent", "two sent"]


def test_leads_left_behind_can_be_moved_later(bench: Bench) -> None:
    (lead,) = bench.leads()
    bench.tick()
    bench.write(COURSE.replace("10 days", "4 days"))
    bench.apply()
    assert bench.plan().is_empty
    moved_enrollment(bench, lead)
    assert bench.apply(migrate=True) == []


def test_a_stream_goes_on_with_the_items_that_are_left(bench: Bench) -> None:
    stream = "- stream:\n    every: 1 week\n    items: [one, two, three]"
    bench.write(stream)
    bench.apply()
    (lead,) = bench.leads()
    bench.tick()
    bench.write("- call: talk\n" + stream.replace("1 week", "2 days"))
    assert bench.apply(migrate=True) == [Moved("course", 3, 1)]
    bench.tick(days=2)
    assert bench.states(lead) == ["one sent", "two sent"]


def test_old_versions_that_a_later_check_would_refuse_still_run(bench: Bench) -> None:
    text = "name: course\nsteps:\n  - email: one\n  - stop: enough\n  - email: two\n"
    with bench.store.unit() as work:
        work.control.put_version("course", 7, structure="old", content=text, at=bench.now, by="earlier")
        work.control.put_version("course", 8, structure="new", content=text, at=bench.now, by="earlier")
        work.commit()
    assert set(AppliedRules(bench.store, bench.files).in_force().program("course", 7).contacts) == {"one", "two"}
