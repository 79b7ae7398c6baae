"""Two workspaces with one account of the provider: each is told of the other's mails, and goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nurture.daemon import tick
from nurture.domain.errors import RefusedError
from nurture.flow import provider_events
from nurture.wiring import App, open_app
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace
from tests.mail.servers import SendGridDouble

STEPS = "- email: one\n- wait: 2 days\n- email: two\n"


@pytest.fixture
def account() -> Iterator[SendGridDouble]:
    with SendGridDouble() as double:
        yield double


@pytest.fixture
def both(tmp_path: Path, account: SendGridDouble, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[App]]:
    """Two workspaces, each with three leads that are due."""
    monkeypatch.setenv("NURTURE_SENDGRID__API_KEY", account.key)
    with ExitStack() as stack:
        apps = []
        for name in ("pumps", "valves"):
            folder = workspace.make(
                tmp_path / name,
                {"course": a_cadence(STEPS)},
                mails=("course/one", "course/two"),
                provider="sendgrid",
                more=f'[sendgrid]\nhost = "{account.url}"',
            )
            (folder / ".nurture" / "secret.key").write_text(f"the key of {name}")
            app = open_app(folder)
            stack.callback(app.close)
            crash.prepare(app, folder, 3)
            apps.append(app)
        yield apps


def told(app: App, bodies: Sequence[dict[str, Any]], **over: str) -> provider_events.Tally:
    """An app takes a delivery about these requests, and works on it."""
    events = []
    for body in bodies:
        person = body["personalizations"][0]
        arguments = person["custom_args"] | over
        at = int(app.clock.now().timestamp()) + 1
        events.append({"event": "delivered", "email": person["to"][0]["email"], "timestamp": at, **arguments})
    now = app.clock.now() + timedelta(seconds=2)
    provider_events.take_batch(json.dumps(events).encode(), store=app.store, now=now)
    common: dict[str, Any] = {"rules": app.rules.in_force(), "policy": app.policy, "new_id": app.clock.new_id}
    return provider_events.process(app.store, read=app.read_events, now=now + timedelta(minutes=2), **common)


def test_events_of_another_workspace_are_counted_and_stop_nobody(both: list[App], account: SendGridDouble) -> None:
    for app in both:
        assert tick.run(app).touches.sent == 3
    assert len({body["personalizations"][0]["custom_args"]["nurture_workspace"] for body in account.accepted}) == 2
    for app in both:
        tally = told(app, account.accepted)
        assert len(tally.recorded) == 3
        assert tally.ignored == ("delivered: a mail of another workspace on this account",) * 3
        tick.run(app)  # raises where it is stopped
        with app.store.unit(write=False) as work:
            assert work.control.switches() == {}
            assert work.notes.select(what="unknown_touch") == []


def test_a_mail_of_our_own_that_is_not_known_here_still_stops_everything(
    both: list[App], account: SendGridDouble
) -> None:
    app = both[0]
    tick.run(app)
    told(app, account.accepted[:1], nurture_touch="one that an older copy does not know")
    with pytest.raises(RefusedError, match="names a touch that is not there"):
        tick.run(app)
    tick.run(both[1])
