"""The SendGrid mailer against a strict double of the API, and against connections that break."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.adapters.mail import pool
from nurture.adapters.mail.sendgrid import SendGridMailer
from nurture.adapters.mail.sendgrid_lists import read_lists
from nurture.adapters.mail.sendgrid_payload import checked, encoded, packed, payload, problems, request
from nurture.domain.errors import RequestError, UnreachableError
from nurture.domain.verdict import Again, ChannelDown, Maybe, Never, Verdict, Yes
from nurture.ports.world import Asked
from nurture.wiring import open_app
from tests.fakes import A_TUESDAY
from tests.journeys import workspace
from tests.mail.messages import a_message
from tests.mail.sendgrid_rules import broken_rules
from tests.mail.servers import Certificate, SendGridDouble
from tests.mail.test_mailers import boottime


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.make(tmp_path_factory.mktemp("certificate"))


@contextmanager
def mailer_for(host: str, **settings: Any) -> Iterator[SendGridMailer]:
    values: dict[str, Any] = {"api_key": "SG.local.key", "boottime": boottime, "timeout": 20.0, "host": host}
    mailer = SendGridMailer(**(values | settings))
    yield mailer
    mailer.close()


def verdict_of(mailer: SendGridMailer, touch: str = "t1") -> Verdict:
    ((_, verdict),) = mailer.send([a_message(touch)], deadline=boottime() + 30)
    return verdict


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        *((status, Never) for status in ("400", "404", "405", "413", "415")),
        *((status, ChannelDown) for status in ("401", "403")),
        *((status, Maybe) for status in ("200", "201", "204", "301", "307", "408", "500", "502", "503", "504")),
        ("429", Again),
        ("redirect", Maybe),
        ("reset", Maybe),
        ("stall", Maybe),
        ("trickle", Maybe),
        ("cut", Yes),  # the status came; what follows it says nothing new
    ],
)
def test_an_answer_has_the_verdict_of_the_table(fault: str, expected: type[Verdict]) -> None:
    timeout = 0.5 if fault in ("stall", "trickle") else 20.0
    with SendGridDouble(fault=fault) as double:
        with mailer_for(double.url, timeout=timeout) as mailer:
            started = boottime()
            assert isinstance(verdict_of(mailer), expected)
            assert boottime() - started < timeout + 1
        double.fault = ""
        with mailer_for(double.url) as mailer:
            assert isinstance(verdict_of(mailer, "t2"), Yes)
    assert double.refused == []
    assert double.touches == ["t2"]


def test_the_providers_own_name_for_the_mail_is_kept() -> None:
    with SendGridDouble() as double, mailer_for(double.url) as mailer:
        assert verdict_of(mailer) == Yes("id-1")


@pytest.mark.parametrize(
    ("header", "moment"),
    [
        ("1893456000", datetime(2030, 1, 1, tzinfo=UTC)),
        ("soon", None),
        ("99999999999999999", None),
        ("-99999999999999999", None),
    ],
)
def test_the_reset_header_says_when_to_come_back(header: str, moment: datetime | None) -> None:
    double = SendGridDouble(fault="429", headers={"X-RateLimit-Reset": header})
    with double, mailer_for(double.url) as mailer:
        verdict = verdict_of(mailer)
    assert isinstance(verdict, Again)
    assert verdict.not_before == moment


def test_a_reason_is_kept_without_the_address_in_it() -> None:
    with SendGridDouble(fault="400") as double, mailer_for(double.url) as mailer:
        assert verdict_of(mailer) == Never("HTTP 400: no thanks, (address) 400")


def test_a_wrong_key_is_a_problem_of_the_channel() -> None:
    with SendGridDouble(key="SG.another.key") as double, mailer_for(double.url) as mailer:
        assert isinstance(verdict_of(mailer), ChannelDown)


def test_connections_are_shared_and_never_more_than_the_workers(certificate: Certificate) -> None:
    double = SendGridDouble(certificate=certificate)
    messages = [a_message(f"t{number}") for number in range(40)]
    with double, mailer_for(double.url, workers=4, trusted=certificate.certificate) as mailer:
        answers = dict(mailer.send(messages, deadline=boottime() + 30))
    assert {type(verdict) for verdict in answers.values()} == {Yes}
    assert sum(double.peers.values()) == 40
    assert len(double.peers) <= 4


def test_groups_that_are_sent_at_once_share_the_workers_and_each_has_its_own_verdicts(certificate: Certificate) -> None:
    double = SendGridDouble(certificate=certificate)
    groups = [[a_message(f"g{group}m{number}") for number in range(15)] for group in range(4)]
    with (
        double,
        mailer_for(double.url, workers=3, trusted=certificate.certificate) as mailer,
        ThreadPoolExecutor(len(groups)) as callers,
    ):
        answers = list(callers.map(lambda group: dict(mailer.send(group, deadline=boottime() + 30)), groups))
    assert [set(each) for each in answers] == [{one.touch for one in group} for group in groups]
    assert {type(verdict) for each in answers for verdict in each.values()} == {Yes}
    assert sum(double.peers.values()) == 60
    assert len(double.peers) <= 3


def test_a_deadline_of_one_group_ends_that_group_and_no_other() -> None:
    with (
        SendGridDouble(fault="stall") as double,
        mailer_for(double.url, workers=8, timeout=0.2) as mailer,
        ThreadPoolExecutor(2) as callers,
    ):
        began = boottime()
        later = callers.submit(lambda: list(mailer.send([a_message("later")], deadline=began + 30)))
        soon = list(mailer.send([a_message("soon")], deadline=began + 0.5))
        ((_, verdict),) = later.result()
    assert boottime() - began < 10
    assert isinstance(soon[0][1], Maybe)
    assert isinstance(verdict, Maybe)


def test_a_host_that_is_not_there_may_be_tried_again() -> None:
    with SendGridDouble() as double:
        pass
    with mailer_for(double.url) as mailer:
        assert isinstance(verdict_of(mailer), Again)


def test_a_stranger_with_a_certificate_of_his_own_gets_neither_key_nor_mail(
    certificate: Certificate, tmp_path: Path
) -> None:
    double = SendGridDouble(certificate=Certificate.make(tmp_path))
    with double, mailer_for(double.url, trusted=certificate.certificate) as mailer:
        assert isinstance(verdict_of(mailer), Again)
    assert double.peers == {}


@contextmanager
def a_listener(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server below HTTP, which does one thing with each connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                behave(client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def test_a_server_that_hangs_up_during_the_handshake_may_be_tried_again() -> None:
    with a_listener(lambda client: None) as where, mailer_for(f"https://{where}") as mailer:
        assert isinstance(verdict_of(mailer), Again)


def test_a_server_that_stalls_in_the_handshake_may_be_tried_again() -> None:
    with (
        a_listener(_listen_in_silence) as where,
        mailer_for(f"https://{where}", timeout=0.3) as mailer,
    ):
        assert isinstance(verdict_of(mailer), Again)


def _listen_in_silence(client: socket.socket) -> None:
    while client.recv(65536):
        pass


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 202", b"garbage\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n"])
def test_an_answer_that_is_none_is_a_maybe(answer: bytes) -> None:
    def behave(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(answer)

    with a_listener(behave) as where, mailer_for(f"http://{where}") as mailer:
        assert isinstance(verdict_of(mailer), Maybe)


def test_what_breaks_on_an_old_connection_is_a_maybe_and_not_sent_again() -> None:
    # A client may think that an old connection was dead before its request, and repeat what was taken.
    with SendGridDouble() as double, mailer_for(double.url, workers=1) as mailer:
        assert isinstance(verdict_of(mailer, "t1"), Yes)
        double.fault = "reset"
        assert isinstance(verdict_of(mailer, "t2"), Maybe)
        double.fault = ""
        assert isinstance(verdict_of(mailer, "t3"), Yes)
    assert [body["personalizations"][0]["custom_args"]["nurture_touch"] for body in double.requests] == [
        "t1",
        "t2",
        "t3",
    ]
    assert list(double.peers.values()) == [2, 1]


def test_an_idle_connection_that_the_server_closed_costs_no_mail() -> None:
    def behave(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    with a_listener(behave) as where, mailer_for(f"http://{where}", workers=1) as mailer:
        for touch in ("t1", "t2", "t3"):
            assert isinstance(verdict_of(mailer, touch), Yes)
            time.sleep(0.05)  # so that the end of the connection has come


def test_a_word_in_between_is_no_answer() -> None:
    def behave(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        client.sendall(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: m1\r\nContent-Length: 0\r\n\r\n")

    with a_listener(behave) as where, mailer_for(f"http://{where}") as mailer:
        assert verdict_of(mailer) == Yes("m1")

    def stop_short(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")

    with a_listener(stop_short) as where, mailer_for(f"http://{where}") as mailer:
        assert isinstance(verdict_of(mailer), Maybe)


def test_a_word_in_between_does_not_end_the_patience_for_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_EXPLANATION_SECONDS", 0.05)
    monkeypatch.setattr(pool, "_LOOK_SECONDS", 0.05)

    def behave(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        time.sleep(0.3)
        client.sendall(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: m1\r\nContent-Length: 0\r\n\r\n")

    with a_listener(behave) as where, mailer_for(f"http://{where}") as mailer:
        assert verdict_of(mailer) == Yes("m1")


@pytest.mark.parametrize("fault", ["trickle", "hush"])
def test_whoever_explains_a_refusal_for_too_long_is_not_listened_to(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_EXPLANATION_SECONDS", 0.1)
    monkeypatch.setattr(pool, "_LOOK_SECONDS", 0.1)
    with SendGridDouble(fault=fault) as double, mailer_for(double.url) as mailer:
        started = boottime()
        assert isinstance(verdict_of(mailer), Maybe)
        assert boottime() - started < 2


def test_a_process_that_froze_before_the_content_does_not_send_it() -> None:
    times = iter([0.0, 0.0])  # when the wait is set up, when the attempt starts; then the clock has jumped
    with SendGridDouble() as double, mailer_for(double.url, boottime=lambda: next(times, 62.0), timeout=30) as mailer:
        ((_, verdict),) = mailer.send([a_message()], deadline=90.0)
    assert isinstance(verdict, Again)
    assert double.requests == []


def test_closing_in_the_middle_of_a_send_still_gives_every_message_its_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "_LOOK_SECONDS", 30.0)  # whoever closes wakes the one who waits
    started = boottime()
    with SendGridDouble(fault="stall") as double, mailer_for(double.url, workers=2) as mailer:
        answers = mailer.send([a_message(f"t{number}") for number in range(5)], deadline=boottime() + 60)

        def close_once_two_are_under_way() -> None:
            until = boottime() + 20
            while len(double.requests) < 2 and boottime() < until:
                time.sleep(0.01)
            mailer.close()

        threading.Thread(target=close_once_two_are_under_way).start()
        kinds = [type(verdict) for _, verdict in answers]
    assert boottime() - started < 20
    assert sorted(kind.__name__ for kind in kinds) == ["Again", "Again", "Again", "Maybe", "Maybe"]
    assert len(double.requests) == 2


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"api_key": ""}, "NURTURE_SENDGRID__API_KEY"),
        ({"api_key": "  "}, "NURTURE_SENDGRID__API_KEY"),
        ({"api_key": "SG.x\r\nX-Evil: 1"}, "NURTURE_SENDGRID__API_KEY"),
        ({"host": "http://api.sendgrid.com"}, "in the clear"),
        ({"host": "api.sendgrid.com"}, "sendgrid.host"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(settings: dict[str, Any], says: str) -> None:
    values: dict[str, Any] = {"api_key": "SG.local.key", "boottime": boottime}
    with pytest.raises(RequestError, match=says) as refused:
        SendGridMailer(**(values | settings))
    assert "SG." not in str(refused.value)


@pytest.mark.parametrize("host", ["https://api.eu.sendgrid.com", "https://api.eu.sendgrid.com/"])
def test_the_host_of_another_region_is_asked_for_everything(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    region = workspace.make(tmp_path / "w", {}, mails=(), provider="sendgrid", more=f'[sendgrid]\nhost = "{host}"')
    monkeypatch.setenv("NURTURE_SENDGRID__API_KEY", "SG.local.key")
    asked: list[tuple[str, int]] = []

    def no_address(name: str, port: int, *_: Any, **__: Any) -> Any:
        asked.append((name, port))
        raise socket.gaierror("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    app = open_app(region)
    try:
        assert app.send_log is not None
        assert isinstance(app.mailer, SendGridMailer)
        assert app.mailer.endpoint == "https://api.eu.sendgrid.com/v3/mail/send"
        assert app.send_log.took([Asked("t1", "a@b.example", A_TUESDAY, A_TUESDAY)]) == {"t1": None}
        assert asked == [("api.eu.sendgrid.com", 443)]
        with pytest.raises(UnreachableError):
            list(read_lists("SG.local.key", app.settings.sendgrid.host))
        assert asked == [("api.eu.sendgrid.com", 443)] * 2
    finally:
        app.close()


names = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=80)


@given(to_name=names, from_name=names, subject=names.filter(str.strip), text=names.filter(str.strip))
def test_whatever_a_message_holds_the_payload_keeps_it_and_the_rules(
    to_name: str, from_name: str, subject: str, text: str
) -> None:
    message = a_message(to_name=to_name, from_name=from_name, subject=subject, text=text)
    body = payload(message, categories=("b", "a"), asm_group=7, workspace="w1")
    assert problems(body) == []
    assert list(broken_rules(body)) == []
    (person,) = body["personalizations"]
    assert person["to"] == [{"email": "t1@customer.example"} | ({"name": to_name} if to_name else {})]
    assert person["custom_args"] == {"nurture_touch": "t1", "nurture_workspace": "w1"}
    assert body["from"] == {"email": "news@vendor.example"} | ({"name": from_name} if from_name else {})
    assert body["subject"] == subject
    assert [part["value"] for part in body["content"]] == [text, message.html]
    assert body["categories"] == ["b", "a"]
    assert body["asm"] == {"group_id": 7}
    assert encoded(body).isascii()


@given(
    st.fixed_dictionaries(
        {
            "to_name": names | st.just("place-name"),
            "from_name": names | st.sampled_from(["place-html", 'A "quoted" \\ name']),
            "subject": names.filter(str.strip),
            "text": st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip),
            "html": st.sampled_from(['<p class="a">\u00e9\u2028</p>\n', "SG.", "SG.a.b", "SG.abc"]),
            "reply_to": st.sampled_from([None, "replies+t1@reply.vendor.example", "a@b\u00fccher.example"]),
            "unsubscribe_url": st.sampled_from([None, 'https://vendor.example/u/"t1"\\?a=1&b']),
            "unsubscribe_mailto": st.sampled_from([None, None, "mailto:stop@vendor.example"]),
            "list_id": st.sampled_from([None, "news.vendor.example", 'News "1" <news.vendor.example>']),
            "headers": st.sampled_from([(), (("X-A", 'say "b"'), ("X-B", "\u00e9")), (("X-A", "place-text"),)]),
        }
    ),
    st.sampled_from([((), None, ""), (("b", "a"), 7, "w1"), (("a", "a"), None, "w1")]),
)
def test_a_request_is_what_the_library_writes_or_why_that_is_refused(
    changes: dict[str, Any], account: tuple[tuple[str, ...], int | None, str]
) -> None:
    message = a_message(**changes)
    categories, group, workspace = account
    found = request(message, categories=categories, asm_group=group, workspace=workspace)
    assert found == checked(message, categories, group, workspace)
    plain = checked(message, (), None, "w")
    beforehand = packed(
        message, lambda: (json.dumps(message.html)[1:-1], json.dumps(message.text)[1:-1]), workspace="w"
    )
    assert beforehand.packed == (plain if isinstance(plain, bytes) else b"")


def test_the_payload_carries_our_own_headers_and_turns_the_providers_tracking_off() -> None:
    body = payload(a_message(headers=(("X-Campaign", "spring"),)))
    assert body["reply_to"] == {"email": "replies+t1@reply.vendor.example"}
    assert body["headers"] == {
        "Message-ID": "<t1@vendor.example>",
        "List-Unsubscribe": "<https://vendor.example/u/t1>, <mailto:stop+t1@reply.vendor.example>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": "<news.vendor.example>",
        "Auto-Submitted": "no",
        "X-Campaign": "spring",
    }
    assert body["tracking_settings"] == {
        "click_tracking": {"enable": False, "enable_text": False},
        "open_tracking": {"enable": False},
        "subscription_tracking": {"enable": False},
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"personalizations": []}, "one recipient"),
        ({"subject": ""}, "subject"),
        ({"content": [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]}, "text/plain, then"),
        ({"headers": {"Subject": "x"}}, "reserved"),
        ({"headers": {"X A": "x"}}, "a name that is none"),
        ({"headers": {"X-A": "x\r\nBcc: y"}}, "cannot stand"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "given twice"),
        ({"categories": ["a", "a"]}, "one twice"),
        ({"categories": ["ä"]}, "ASCII"),
        ({"custom_args": {"n": 5}}, "not a string"),
        ({"custom_args": {"n": "x" * 10_001}}, "10,000"),
        ({"reply_to_list": []}, "exclude"),
        ({"tracking_settings": {}}, "tracking"),
        ({"from": {}}, "address"),
    ],
)
def test_a_payload_that_breaks_a_rule_says_which(change: dict[str, Any], says: str) -> None:
    (found,) = problems(payload(a_message()) | change)
    assert says in found


ARGUMENTS: dict[str, Any] = {"to": [{"email": "a@b.example"}], "custom_args": {"n": "1"}}


@pytest.mark.parametrize(
    "change",
    [
        {"personalizations": []},
        {"personalizations": [ARGUMENTS | {"to": [{"email": "a@b.example"}, {"email": "A@B.example"}]}]},
        {"personalizations": [ARGUMENTS | {"to": [{"email": "a" * 320 + "@b.example"}]}]},
        {"personalizations": [ARGUMENTS | {"to": [{"email": "a@b.example", "name": "A\r\nBcc: e@b.example"}]}]},
        {"personalizations": [ARGUMENTS | {"custom_args": {"n": 1}}]},
        {"personalizations": [ARGUMENTS | {"custom_args": {}}]},
        {"personalizations": [ARGUMENTS | {"custom_args": {"n": "x" * 10_000}}]},
        {"from": {"name": "Doe"}},
        {"reply_to": {"email": "nobody"}},
        {"reply_to_list": [{"email": "a@b.example"}]},
        {"subject": ""},
        {"subject": "a\r\nb"},
        {"content": []},
        {"content": [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]},
        {"content": [{"type": "text/plain", "value": ""}]},
        {"headers": {"Reply-To": "a@b.example"}},
        {"headers": {"X A": "b"}},
        {"headers": {"X-A": 5}},
        {"headers": {"X-A": "1", "x-a": "2"}},
        {"categories": [f"c{number}" for number in range(11)]},
        {"categories": ["a", "a"]},
        {"categories": ["ä"]},
        {"categories": ["a" * 256]},
        {"tracking_settings": {}},
        {"tracking_settings": {"click_tracking": {"enable": False}, "open_tracking": {"enable": False}}},
        {"asm": {"group_id": "7"}},
        {"templates": []},
    ],
)
def test_the_double_is_as_strict_as_the_documentation(change: dict[str, Any]) -> None:
    good = payload(a_message(), categories=["a"], asm_group=7)
    assert list(broken_rules(good)) == []
    assert list(broken_rules(good | change)) != []


def test_a_text_with_an_api_key_in_it_is_not_sent() -> None:
    with SendGridDouble() as double, mailer_for(double.url) as mailer:
        ((_, verdict),) = mailer.send([a_message(text="SG.abc.def")], deadline=boottime() + 30)
    assert isinstance(verdict, Never)
    assert double.requests == []


def test_a_request_that_was_made_beforehand_travels_as_it_is_and_is_the_same() -> None:
    beforehand = packed(a_message("t1"), None, workspace="w")
    with SendGridDouble() as double, mailer_for(double.url, workspace="w") as mailer:
        verdicts = dict(mailer.send([beforehand, a_message("t2")], deadline=boottime() + 30))
    assert {type(verdict) for verdict in verdicts.values()} == {Yes}
    assert beforehand.packed == encoded(payload(a_message("t1"), workspace="w"))
    first, second = sorted(double.requests, key=str)
    assert first.keys() == second.keys()
    assert replace(beforehand, to="other@customer.example").packed == b""  # it is of one message alone
    refused = a_message(text="SG.abc.def")
    assert packed(refused, None, workspace="w").packed == b""  # the mailer says why
