"""Over SMTP a bounce comes back to an address that names its touch, whatever the report leaves out."""

from __future__ import annotations

from pathlib import Path

from nurture.daemon import tick
from nurture.domain.response import Kind
from nurture.wiring import open_app
from tests.flow.loop import a_cadence
from tests.journeys import crash, workspace
from tests.mail.servers import SmtpServer

# Neither the original mail nor its Message-ID: many servers send no more than this.
REPORT = """From: MAILER-DAEMON@mx.customer.example
To: {to}
Subject: Delivery report
Return-Path: <>
Message-ID: <report-{number}@mx.customer.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: text/plain

Your message could not be delivered.
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.customer.example

Final-Recipient: rfc822; {recipient}
Action: failed
Status: {status}
--x--
"""


def test_a_report_that_names_nothing_is_matched_by_where_it_was_sent(tmp_path: Path) -> None:
    with SmtpServer() as server:
        more = f'[smtp]\nhost = "127.0.0.1"\nport = {server.port}\ntls = "none"\n[replies]\nfolder = "replies"\n'
        cadences = {"course": a_cadence("- email: one\n- wait: 2 days\n- email: two")}
        folder = workspace.make(
            tmp_path / "w", cadences, mails=("course/one", "course/two"), provider="smtp", more=more
        )
        (folder / "replies").mkdir()
        app = open_app(folder)
        try:
            crash.prepare(app, folder, 3)
            assert tick.run(app).touches.sent == 3
            first, second, _ = sorted(server.mails, key=lambda mail: mail.recipient)
            for number, (mail, status) in enumerate([(first, "5.1.1"), (second, "4.2.2")]):
                assert mail.sender.startswith("replies+")
                text = REPORT.format(to=mail.sender, number=number, recipient="somebody@else.example", status=status)
                # As a server delivers it that turned the address to capitals.
                text = text.replace(mail.sender, mail.sender.upper()).replace("somebody@else.example", mail.recipient)
                (folder / "replies" / f"{number}.eml").write_text(text)
            tick.run(app)
            with app.store.unit(write=False) as work:
                bounces = {}
                for lead, made in work.responses.of_leads([1, 2, 3]).items():
                    bounces[lead] = [one.detail["bounce"] for one in made if one.kind is Kind.BOUNCE]
                scopes = work.suppressions.scopes([mail.recipient for mail in server.mails])
            assert bounces == {1: ["hard"], 2: ["full"]}
            assert scopes == {first.recipient: {"email"}}
        finally:
            app.close()
