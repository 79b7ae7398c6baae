"""Where the program stumbles over one lead, the others get their mails, nothing is lost, and somebody is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nurture.domain.enrollment import Enrollment
from nurture.domain.errors import UnreachableError
from nurture.domain.lead import Lead
from nurture.flow.dispatch import decide, make
from nurture.moves import rendering
from tests.builders import a_lead
from tests.flow.loop import Loop, a_loop


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    with a_loop(tmp_path, "- email: hello\n- wait: 2 days\n- task: talk\n  within: 2 days") as made:
        yield made


def stumble(patch: pytest.MonkeyPatch, module: Any, name: str, over: Lead, by: Exception | None = None) -> None:
    """Let a function of the program fail for one lead."""
    whole = getattr(module, name)

    def fails(*given: Any, **named: Any) -> Any:
        for one in given:
            who = one.lead if isinstance(one, Enrollment) else getattr(one, "to", getattr(one, "id", None))
            if who in (over.id, over.email):
                raise by or KeyError("a secret of a lead")
        return whole(*given, **named)

    patch.setattr(module, name, fails)


def alerts(loop: Loop) -> list[str]:
    with loop.store.unit(write=False) as work:
        return [one["payload"]["text"] for one in work.sales.deliveries_due(loop.now, 10, kind="alert")]


@pytest.mark.parametrize(
    ("module", "name"),
    [(decide, "decide"), (rendering, "render"), (make, "draft_of")],
    ids=["decide", "render", "draft"],
)
def test_one_that_the_program_stumbles_over_waits_and_the_others_get_their_mails(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: Any, name: str
) -> None:
    ada, bo = a_lead(loop.store), a_lead(loop.store)
    loop.enroll(ada, bo)
    with monkeypatch.context() as patch:
        stumble(patch, module, name, ada)
        loop.tick()
        loop.tick(hours=1)
    assert loop.states(bo) == ["hello sent"]
    assert loop.states(ada) in ([], ["hello planned"])
    (told,) = alerts(loop)
    assert "1 of the leads" in told
    assert "KeyError in test_mistakes.py" in told
    logged = "".join(capsys.readouterr())
    assert logged.count("set_aside") == 2
    assert "KeyError in test_mistakes.py" in logged
    assert "secret" not in told + logged
    with loop.store.unit(write=False) as work:
        assert [one.what for one in work.notes.of_lead(ada.id)].count("set_aside") == 2
    loop.tick(hours=1)
    assert loop.states(ada) == ["hello sent"]


def test_an_answer_is_recorded_though_the_program_stumbles_over_what_comes_next(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bo = a_lead(loop.store), a_lead(loop.store)
    loop.enroll(ada, bo)
    with monkeypatch.context() as patch:
        stumble(patch, decide, "rest", ada)
        loop.tick()
    assert (loop.states(ada), loop.states(bo)) == (["hello sent"], ["hello sent"])
    loop.tick(hours=1)
    loop.tick(days=2)
    assert (loop.states(ada), loop.states(bo)) == (["hello sent", "talk open"], ["hello sent", "talk open"])
    assert len(loop.mailer.asked) == 2


def test_a_script_that_the_program_stumbles_over_is_made_an_hour_later(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bo = a_lead(loop.store), a_lead(loop.store)
    loop.enroll(ada, bo)
    loop.tick()
    with monkeypatch.context() as patch:
        stumble(patch, make, "render_script", ada)
        loop.tick(days=2)
    assert (loop.states(ada), loop.states(bo)) == (["hello sent", "talk planned"], ["hello sent", "talk open"])
    loop.tick(hours=1)
    assert loop.states(ada) == ["hello sent", "talk open"]


def test_a_database_that_is_away_is_no_mistake(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = a_lead(loop.store)
    loop.enroll(ada)
    away = UnreachableError("The database is away.", hint="Wait.")
    stumble(monkeypatch, decide, "decide", ada, by=away)
    with pytest.raises(UnreachableError):
        loop.tick()
    assert alerts(loop) == []
