"""Before real mail is sent: what the law and the answers need must be set, whichever provider carries it."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

import pytest

from nurture.daemon import tick
from nurture.domain.errors import RequestError
from nurture.wiring import open_app
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace
from tests.mail.servers import SendGridDouble, SmtpServer

POSTAL = 'postal_address = "Acme, 1 Example Street, Springfield"\n'
FROM = 'from = "Dana Reyes <dana@acme.example>"\n'
REPLY = 'reply_domain = "reply.acme.example"\n'
URL = 'public_url = "https://go.acme.example"\n'
SENDERS = (
    '[senders.us]\nfrom = "Dana <dana@acme.example>"\nreply_domain = "reply.acme.example"\n'
    '[senders.de]\nfrom = "Jan <jan@acme.example>"\nreply_domain = "reply.acme.example"\n'
)


@pytest.mark.parametrize(
    ("provider", "line", "instead", "named"),
    [
        ("smtp", POSTAL, "", "mail.postal_address"),
        ("sendgrid", POSTAL, "", "mail.postal_address"),
        ("sendgrid", POSTAL, 'postal_address = "  "\n', "mail.postal_address"),
        ("sendgrid", REPLY, "", "mail.reply_domain"),
        ("smtp", FROM, "", "mail.from"),
        ("smtp", URL, "", "web.public_url"),
        ("smtp", "[web]\n", SENDERS + "[web]\n", "senders.us.postal_address, senders.de.postal_address"),
    ],
)
def test_a_mailer_is_not_made_while_something_that_it_needs_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str, line: str, instead: str, named: str
) -> None:
    monkeypatch.setenv("NURTURE_SENDGRID__API_KEY", "SG.local.key")
    folder = workspace.make(tmp_path / "w", {}, mails=(), provider=provider, more='[smtp]\nhost = "127.0.0.1"\n')
    file = folder / "nurture.toml"
    without = "" if named.startswith("senders") else POSTAL
    file.write_text(file.read_text().replace(POSTAL, without).replace(line, instead))
    with pytest.raises(RequestError, match=named):
        _ = open_app(folder).mailer


@pytest.mark.parametrize("provider", ["smtp", "sendgrid"])
def test_without_a_postal_address_nothing_leaves_and_with_one_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    with SmtpServer() as server, SendGridDouble() as double:
        monkeypatch.setenv("NURTURE_SENDGRID__API_KEY", double.key)
        more = f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\ntls = "none"\n[sendgrid]\nhost = "{double.url}"\n'
        cadences = {"course": a_cadence("- email: one")}
        folder = workspace.make(tmp_path / "w", cadences, mails=("course/one",), provider=provider, more=more)
        app = open_app(folder)
        crash.prepare(app, folder, 1)
        app.close()
        file = folder / "nurture.toml"
        complete = file.read_text()
        file.write_text(complete.replace(POSTAL, ""))
        app = open_app(folder)
        with pytest.raises(RequestError, match=r"mail\.postal_address"):
            tick.run(app)
        app.close()
        assert (server.connections, double.peers) == ([], {})
        file.write_text(complete)
        app = open_app(folder)
        assert tick.run(app).touches.sent == 1
        app.close()
        assert len(server.mails) + len(double.accepted) == 1


def test_a_mail_leaves_with_all_that_receivers_ask_of_it(tmp_path: Path) -> None:
    with SmtpServer() as server:
        more = f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\ntls = "none"\n'
        cadences = {"course": a_cadence("- email: one")}
        folder = workspace.make(tmp_path / "w", cadences, mails=("course/one",), provider="smtp", more=more)
        app = open_app(folder)
        crash.prepare(app, folder, 2)
        assert tick.run(app).touches.sent == 2
        assert (app.policy.pause_at_complaints, app.policy.pause_at_hard_bounces) == (0.001, 0.03)  # shares
        app.close()
    mails = [email.message_from_bytes(one.content, policy=email.policy.default) for one in server.mails]
    assert [[part.get_content_type() for part in one.iter_parts()] for one in mails] == [
        ["text/plain", "text/html"]
    ] * 2
    assert {one["From"] for one in mails} == {"Dana Reyes <dana@acme.example>"}
    assert {one["List-Id"] for one in mails} == {"course <course.acme.example>"}
    for one in mails:
        page = one.as_bytes().decode().replace("=\n", "")
        assert one["List-Unsubscribe"].startswith("<https://go.acme.example/u/")
        assert one["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert one["Reply-To"].startswith("replies+")
        assert "https://go.acme.example/c/" in page  # links are our own unless one says otherwise
        assert "1 Example Street" in page
