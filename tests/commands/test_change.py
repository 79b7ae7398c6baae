"""plan, apply, check with tests of cadences, and cadences in words, numbers and pictures: as a person runs them."""

from __future__ import annotations

from pathlib import Path

from tests.commands.conftest import Nurture


def _edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_nothing_to_do_is_said_and_is_no_error(nurture: Nurture) -> None:
    ran = nurture("plan")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "No changes.")
    assert nurture("plan", "--json").json["changes"] == []
    assert nurture("apply").out == "No changes: everything is in force already.\n"


def test_a_plan_reads_like_a_diff_and_apply_does_it_once(nurture: Nurture, folder: Path, ada: str) -> None:
    nurture("enroll", ada, "not-now")
    text = (folder / "cadences" / "not-now.yaml").read_text(encoding="utf-8")
    wait = next(line for line in text.splitlines() if line.strip().startswith("- wait:"))
    _edit(folder, "cadences/not-now.yaml", wait, "  - wait: 77 days")
    lines = nurture("plan").out.splitlines()
    assert lines[0] == "not-now: version 1 -> 2; 1 lead in flight stay on version 1, or move with --migrate"
    assert lines[1].startswith("~ not-now, step ")
    assert "-> 77 days; 1 lead ahead of it; the first is due" in lines[1]
    (row,) = nurture("plan", "--json").json["changes"]
    assert (row["change"], row["from_version"], row["to_version"], row["leads"]) == ("retimed", 1, 2, 1)
    assert nurture("apply", "--dry-run").out.endswith("Nothing was changed (dry run).\n")
    assert nurture("plan", "--json").json["changes"] == [row]
    assert nurture("apply", "--migrate").out.splitlines()[-2:] == [
        "1 lead moved to version 2 of not-now.",
        "In force: 1 files.",
    ]
    assert nurture("enrollment", "list", "--lead", ada, "--json").json[0]["version"] == 2
    assert nurture("plan", "--json").json["changes"] == []


def test_broken_files_exit_2_and_change_nothing(nurture: Nurture, folder: Path) -> None:
    before = nurture("cadence", "show", "not-now", "--json").json
    _edit(folder, "cadences/not-now.yaml", "steps:", "stepps:")
    for command in ("plan", "apply", "check"):
        ran = nurture(command)
        assert ran.code == 2
        assert "unknown key 'stepps'; did you mean 'steps'?" in ran.out + ran.err
    assert nurture("cadence", "show", "not-now", "--json").json == before


def test_a_failing_email_is_named_with_its_leads(nurture: Nurture, folder: Path, ada: str) -> None:
    nurture("enroll", ada, "not-now")
    _edit(folder, "templates/not-now/what-is-new.txt", "{{ first_name or 'there' }}", "{{ first_name / 2 }}")
    (failure,) = nurture("plan", "--json").json["failures"]
    assert (failure["template"], failure["lead"]) == ("not-now/what-is-new", ada)
    assert "! not-now/what-is-new fails for 1 lead: templates/not-now/what-is-new.txt:" in nurture("plan").out


def test_new_scoring_says_how_many_would_move(nurture: Nurture, folder: Path, ada: str) -> None:
    _edit(folder, "scoring.yaml", "enter: engagement >= 30 or", "enter: fit > -1000 or")
    rows = [row for row in nurture("plan", "--json").json["changes"] if row["change"] == "stage"]
    assert [(row["leads"], row["text"]) for row in rows] == [(2, "unknown -> near_term")]
    assert "~ 2 leads would move from unknown to near_term" in nurture("plan").out


def test_check_runs_the_tests_of_cadences_and_names_the_line_that_does_not_hold(nurture: Nurture, folder: Path) -> None:
    assert nurture("check").code == 0
    _edit(folder, "cadences/event-follow-up.test.yaml", "2027-05-04, channel", "2027-05-05, channel")
    ran = nurture("check")
    assert ran.code == 2
    assert ran.out == (
        "cadences/event-follow-up.test.yaml:9:1: expected email before-it-fades on 2027-05-05; "
        "instead: email before-it-fades on 2027-05-04 09:00\n"
    )


def test_a_cadence_is_shown_in_words_with_how_many_would_enter(nurture: Nurture, ada: str) -> None:
    lines = nurture("cadence", "show", "manufacturing-long-term").out.splitlines()
    assert lines[0] == "manufacturing-long-term, version 1"
    assert "Would enroll 1 lead today." in lines
    assert "Day 0, first open window: e-mail benchmark-report." in lines
    assert nurture("cadence", "show", "manufacturing-long-term", "--json").json["would_enroll_today"] == 1


def test_a_cadence_is_drawn(nurture: Nurture, folder: Path) -> None:
    assert nurture("cadence", "diagram", "evergreen").out.startswith("<svg ")
    nurture("cadence", "diagram", "evergreen", "--file", str(folder / "a.svg"))
    assert "<title" in (folder / "a.svg").read_text(encoding="utf-8")


def test_a_cadence_is_counted_by_version(nurture: Nurture, ada: str) -> None:
    nurture("enroll", ada, "not-now")
    (row,) = nurture("cadence", "stats", "not-now", "--json").json
    assert (row["version"], row["enrolled"], row["active"], row["sent"]) == (1, 1, 1, 0)
