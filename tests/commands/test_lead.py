"""lead: what is printed, on which stream, with which exit code."""

from __future__ import annotations

import contextlib
import csv
import io
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nurture.commands.lead import reason
from nurture.domain.scoring import Worth
from tests.commands.conftest import Nurture


def test_an_import_stores_the_good_rows_and_lists_the_refused(nurture: Nurture) -> None:
    made = nurture("lead", "import", "leads.csv", "--json").json
    assert (made["created"], made["updated"]) == (2, 0)
    assert [one["line"] for one in made["refused"]] == [4]
    again = nurture("lead", "import", "leads.csv", "--json").json
    assert (again["created"], again["updated"]) == (0, 0)


def test_a_dry_run_of_an_import_stores_nothing(nurture: Nurture) -> None:
    assert nurture("lead", "import", "leads.csv", "--dry-run").code == 0
    assert nurture("lead", "list", "--json").json == []


def test_refused_rows_are_on_stderr_and_in_the_file_that_was_named(nurture: Nurture, folder: Path) -> None:
    ran = nurture("lead", "import", "leads.csv", "--refused", "refused.csv")
    assert "line 4:" in ran.err
    assert "line 4:" not in ran.out
    assert (folder / "refused.csv").read_text().startswith("line,reason\n4,")


def test_an_import_is_undone(nurture: Nurture, ada: str) -> None:
    assert nurture("lead", "undo-import", "1", "--json").json["removed"] == [ada, "2"]
    assert nurture("lead", "list", "--json").json == []


def test_a_line_of_the_ledger_reads_as_a_person_says_it() -> None:
    now, at = datetime(2026, 6, 10, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
    assert reason(Worth("reply", 25, 11.4, "answered", at), now) == "+25 answered on 3 Mar, worth 11 today"
    assert reason(Worth("reply", -30, -0.2, "said no", at.replace(year=2025)), now).startswith(
        "-30 said no on 3 Mar 2025"
    )


def test_the_sum_of_the_ledger_is_the_score(nurture: Nurture, ada: str) -> None:
    nurture("respond", ada, "reply", "--intent", "question")
    found = nurture("lead", "score", ada, "--json").json
    assert found["lead"] == ada
    assert sum(line["worth"] for line in found["ledger"]) == pytest.approx(found["score"])
    assert "asked or answered on" in nurture("lead", "score", ada).out


def test_a_set_field_is_read_like_one_of_a_file(nurture: Nurture, ada: str) -> None:
    ran = nurture("lead", "set", ada, "country=Germany", "x.tier=gold", "phone=+49 30 1234567")
    assert ran.code == 0
    shown = nurture("lead", "show", ada, "--json").json
    assert (shown["country"], shown["x.tier"], shown["phone"]) == ("DE", "gold", "+49301234567")


def test_no_file_replaces_what_a_person_set(nurture: Nurture, ada: str) -> None:
    nurture("lead", "set", ada, "title=Head of Energy")
    nurture("lead", "import", "leads.csv")
    assert nurture("lead", "show", ada, "--json").json["title"] == "Head of Energy"


def test_a_timeline_that_is_learned_dates_the_decision(nurture: Nurture, ada: str) -> None:
    assert nurture("lead", "fact", ada, "timeline=in 4 months", "budget=50k EUR", "--source", "call").code == 0
    shown = nurture("lead", "show", ada, "--json").json
    assert shown["budget"] is True
    assert [fact["name"] for fact in shown["facts"]] == ["timeline", "budget"]


def test_a_suppressed_lead_stays_so_when_it_is_imported_again(nurture: Nurture, ada: str) -> None:
    nurture("enroll", ada, "evergreen")
    assert nurture("lead", "suppress", ada).code == 0
    mine = nurture("enrollment", "list", "--lead", ada, "--json").json
    assert [one["state"] for one in mine] == ["stopped"]
    nurture("lead", "import", "leads.csv")
    assert "all" in nurture("lead", "show", ada, "--json").json["suppressed"]


def test_two_leads_become_one_and_the_old_address_still_finds_it(nurture: Nurture, ada: str) -> None:
    nurture("respond", "2", "form", "--url", "contact")
    made = nurture("lead", "merge", "2", ada, "--json").json
    assert (made["lead"], made["email"], made["merged"]) == (ada, "ada@acme-plants.example", "2")
    assert nurture("lead", "show", "bob@other.example", "--json").json["id"] == ada
    assert [one["id"] for one in nurture("lead", "list", "--json").json] == [ada]
    assert "form" in [one["what"] for one in nurture("lead", "timeline", ada, "--json").json]
    ledger = nurture("lead", "score", ada, "--json").json["ledger"]
    assert "filled in a form" in [line["because"] for line in ledger]


def test_a_forgotten_person_is_nowhere_and_is_not_written_to_when_imported_again(nurture: Nurture, ada: str) -> None:
    nurture("respond", ada, "reply", "--intent", "question", "--note", "my secret number is 12")
    ran = nurture("lead", "forget", ada, "--yes")
    assert ran.code == 0
    assert "Out of our reach" in ran.err
    assert nurture("lead", "show", "ada@acme-plants.example").code == 2
    assert "ada@" not in nurture("suppression", "list", "--json").out
    nurture("lead", "import", "leads.csv")
    assert nurture("lead", "show", "ada@acme-plants.example", "--json").json["suppressed"] == ["all", "phone"]


def test_a_script_that_forgets_somebody_is_not_asked_and_may_do_so_again(nurture: Nurture, ada: str) -> None:
    first, again = (nurture("lead", "forget", ada, "--json") for _ in range(2))
    assert (first.code, again.code, first.json["lead"], first.err) == (0, 0, ada, "")
    assert nurture("lead", "show", "ada@acme-plants.example").code == 2


def test_nothing_of_a_forgotten_person_is_left_in_the_database(nurture: Nurture, ada: str, folder: Path) -> None:
    nurture("respond", ada, "reply", "--intent", "question", "--note", "my secret number is 12")
    assert "secret number" in nurture("lead", "export", ada, "--everything").out
    nurture("lead", "forget", ada, "--yes")
    with sqlite3.connect(folder / "nurture.db") as database:
        rows = "\n".join(database.iterdump())
    database.close()
    for told in ("Byron", "ada@acme", "4155552671", "secret number"):
        assert told not in rows


def test_an_old_backup_brings_nobody_back_who_was_forgotten_since(nurture: Nurture, ada: str, folder: Path) -> None:
    assert nurture("database", "backup", str(folder / "old.db")).code == 0
    nurture("lead", "forget", ada, "--yes")
    for file in folder.glob("nurture.db*"):
        file.unlink()
    (folder / "old.db").rename(folder / "nurture.db")
    assert nurture("lead", "show", "ada@acme-plants.example").code == 2
    assert b"ada@acme-plants" not in stored(folder)
    nurture("lead", "import", "leads.csv")
    assert nurture("lead", "show", "ada@acme-plants.example", "--json").json["suppressed"] == ["all", "phone"]
    assert nurture("lead", "show", "bob@other.example", "--json").json["suppressed"] == []


def test_an_empty_database_still_knows_who_was_forgotten(nurture: Nurture, ada: str, folder: Path) -> None:
    nurture("lead", "forget", ada, "--yes")
    for file in folder.glob("nurture.db*"):
        file.unlink()
    nurture("lead", "import", "leads.csv")
    assert "all" in nurture("lead", "show", "ada@acme-plants.example", "--json").json["suppressed"]


def test_the_bytes_of_a_forgotten_person_leave_the_file(nurture: Nurture, ada: str, folder: Path) -> None:
    nurture("respond", ada, "reply", "--intent", "question", "--note", "my secret number is 12")
    assert b"secret number" in stored(folder)
    nurture("lead", "forget", ada, "--yes")
    for told in (b"Byron", b"ada@acme", b"4155552671", b"secret number"):
        assert told not in stored(folder)


def stored(folder: Path) -> bytes:
    """The bytes of the database, once its log is worked in."""
    with contextlib.closing(sqlite3.connect(folder / "nurture.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (folder / "nurture.db").read_bytes()


def test_an_export_holds_no_formula_and_can_be_imported_again(nurture: Nurture, ada: str, folder: Path) -> None:
    text = nurture("lead", "export").out
    first = next(iter(csv.DictReader(io.StringIO(text))))
    assert first["x.tier"] == "'=1+1"
    assert first["phone"] == "+14155552671"
    (folder / "again.csv").write_text(text)
    again = nurture("lead", "import", "again.csv", "--json").json
    assert again["refused"] == []
    assert again["created"] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lead", "show", "nobody@x.example"], "nobody@x.example"),
        (["lead", "list", "--where", "stge == 'x'"], "did you mean 'stage'"),
        (["lead", "import", "nothing.csv"], "nothing.csv"),
        (["lead", "import", "leads.csv", "--source", "websit"], "Did you mean 'website'"),
        (["lead", "import", "leads.csv", "--map", "salesfroce"], "salesfroce"),
        (["lead", "set", "1", "score=3"], "'score' cannot be set"),
        (["lead", "set", "1", "employees=30"], "nurture company set NAME employees=VALUE"),
        (["lead", "set", "1", "country=Narnia"], "Narnia"),
        (["lead", "set", "1", "title"], "'title' is no field"),
        (["lead", "fact", "1", "bdget=1"], "bdget"),
        (["lead", "fact", "1", "budget=1", "--confidence", "sure"], "'sure' is no confidence"),
        (["lead", "undo-import", "x"], "'x'"),
        (["lead", "undo-import", "99"], "'99'"),
        (["lead", "suppress", "1", "--scope", "fax"], "'fax' is no scope"),
        (["lead", "export", "--everything"], "one person"),
    ],
)
def test_a_wrong_request_is_one_message_and_exit_code_2(refused: Nurture, arguments: list[str], says: str) -> None:
    ran = refused(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_a_basis_is_recorded_with_all_that_the_law_asks_for_and_shown(nurture: Nurture, ada: str) -> None:
    given = ("--at", "2026-01-05", "--source", "web form", "--text", "Write to me.", "--channel", "phone")
    made = nurture("lead", "consent", ada, "customer", *given, "--json").json
    assert made["phone"] == "given"
    shown = nurture("lead", "consent", ada, "--json").json
    assert [shown["consents"][0][name] for name in ("channel", "basis", "source", "text", "until")] == [
        *("phone", "customer", "web form", "Write to me.", None),
    ]
    assert nurture("lead", "consent", ada, "maybe").code == 2
    assert nurture("lead", "consent", ada, "objection", "--channel", "all", "--dry-run").code == 0
    assert nurture("lead", "show", ada, "--json").json["suppressed"] == []


def test_a_share_in_the_settings_that_is_none_is_named(nurture: Nurture, folder: Path) -> None:
    settings = folder / "nurture.toml"
    text = settings.read_text().replace('# pause_at_complaints = "0.1%"', 'pause_at_complaints = "many"')
    settings.write_text(text)
    ran = nurture("status")
    assert ran.code == 2
    assert "pause_at_complaints" in ran.err
    settings.write_text(text.replace('"many"', '"0.3%"'))
    assert nurture("status").code == 0


def test_bytes_of_another_encoding_are_refused_in_a_sentence(nurture: Nurture, ada: str) -> None:
    done = nurture("lead", "set", ada, "last_name=M\udcfcller")
    assert (done.code, done.out) == (2, "")
    assert done.err == "nurture: 'last_name=M\ufffdller' is no text in UTF-8. Let the terminal or script send UTF-8.\n"


def test_a_file_may_have_a_name_that_is_no_text(nurture: Nurture, folder: Path) -> None:
    try:
        (folder / "leads.csv").rename(folder / "le\udcffds.csv")
    except OSError:  # a file system that knows only text has no such names
        return
    assert nurture("lead", "import", "le\udcffds.csv", "--json").json["created"] == 2
    assert nurture("lead", "imports", "--json").json[0]["file"] == "le\ufffdds.csv"
