"""nurture.toml and the environment: what is set holds, what is wrong is said for all keys at once, secrets never."""

from __future__ import annotations

import re
from datetime import time, timedelta
from pathlib import Path

import pytest

from nurture.domain.errors import RequestError
from nurture.settings import SECTIONS, Settings, read_settings
from nurture.settings.words import Secret
from tests.test_house_rules import ROOT

DAY = "'13-01' must be a day of the year, MM-DD: write for example '07-01'"
DURATION = "'soon' is not a duration: write for example '3 days', '90 minutes' or '2 business days'"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for section in SECTIONS:
        monkeypatch.delenv(f"NURTURE_{section.upper()}", raising=False)


def read(folder: Path, text: str) -> Settings:
    """The settings that a text makes."""
    file = folder / "nurture.toml"
    file.write_text(text)
    file.chmod(0o600)
    return read_settings(folder)


def problems(folder: Path, text: str) -> list[str]:
    """What is wrong with it, without the folder."""
    with pytest.raises(RequestError) as caught:
        read(folder, text)
    return caught.value.what.replace(f"{folder}/", "").splitlines()


def test_nothing_set_is_all_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Settings(tmp_path)
    settings = read(tmp_path, "")
    assert (settings.mail.provider, settings.mail.workers, settings.scheduler.tick) == (
        "outbox",
        64,
        timedelta(seconds=30),
    )
    assert settings.policy().limits.lead_per_day == 1


STARTER = (ROOT / "nurture" / "starter" / "nurture.toml").read_text("utf-8")


def test_the_starter_file_and_every_key_that_it_shows_can_be_read(tmp_path: Path) -> None:
    assert read(tmp_path, STARTER).mail.provider == "outbox"


def test_what_the_starter_file_shows_as_a_default_is_the_default(tmp_path: Path) -> None:
    blocks = [block for block in STARTER.split("\n\n") if "# [" not in block]  # those are examples
    text = re.sub(r"^# (\w+ = (?!.*none by default))", r"\1", "\n\n".join(blocks), flags=re.MULTILINE)
    shown, bare = read(tmp_path, text), read(tmp_path, STARTER)
    assert shown.database_url == bare.database_url
    for section in SECTIONS - {"database"}:
        assert getattr(shown, section) == getattr(bare, section)


def test_each_kind_of_value_is_read_as_it_is_written(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        """
        mail = {workers = 8, settle_after = "2 hours", lease = 45, track_links = false, pause_at_complaints = "1%"}
        alerts = {email = "otto@acme.example"}
        digest = {at = 08:30:00}
        limits = {lead_per_day = 0}
        smtp = {password = "pw"}
        [senders.dana]
        from = "Dana <dana@acme.example>"
        rate = "100 per hour"
        warm_up = ""
        [webhooks.crm]
        url = "https://crm.example"
        """,
    )
    assert (settings.mail.workers, settings.mail.settle_after, settings.mail.lease) == (
        8,
        timedelta(hours=2),
        timedelta(seconds=45),
    )
    assert (settings.mail.track_links, settings.mail.pause_at_complaints) == (False, 0.01)
    assert settings.digest.at == time(8, 30)
    assert settings.policy().limits.lead_per_day is None
    (dana,) = settings.senders_by_name().values()
    assert (dana.email, dana.name, len(dana.ceilings)) == ("dana@acme.example", "dana", 1)
    assert settings.webhooks["crm"].secret == Secret()
    assert settings.smtp.password.get_secret_value() == "pw"
    assert "pw" not in repr(settings)
    assert "pw" not in f"{settings.smtp.password}"


def test_the_environment_wins_and_everything_in_it_is_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NURTURE_MAIL__WORKERS", "5")
    monkeypatch.setenv("nurture_mail__track_links", "off")
    monkeypatch.setenv("NURTURE_SENDERS__DANA__REPLY_DOMAIN", "in.acme.example")
    monkeypatch.setenv("NURTURE_WEB__SECRET_KEY", "s3cret")
    monkeypatch.setenv("NURTURE_WORKSPACE", "somewhere")
    monkeypatch.setenv("NURTURE_UNKNOWN__KEY", "passed over")
    settings = read(tmp_path, 'mail = {workers = 8, first_wave = 3}\nsenders.dana = {from = "d@acme.example"}')
    assert (settings.mail.workers, settings.mail.first_wave, settings.mail.track_links) == (5, 3, False)
    assert settings.senders["dana"].reply_domain == "in.acme.example"
    assert settings.secret_key == "s3cret"


def test_all_that_is_wrong_is_said_at_once_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NURTURE_SMTP__PORT", "70000")
    text = """
        state = "x"
        [mail]
        provider = "pigeon"
        worker = 3
        workers = true
        timeout = "soon"
        pause_at_complaints = "110%"
        track_links = "perhaps"
        from = 5
        rate = 7
        lease = 0
        settle_after = "99999999999999999999"
        first_wave_watch = inf
        reply_domain = "\\u0000"
        [calendar]
        fiscal_year_start = "13-01"
        [digest]
        at = "25:00"
        [senders]
        kim = {reply_domain = "in.acme.example"}
        lee = 3
        """
    assert problems(tmp_path, text) == [
        "nurture.toml: mail.worker: unknown key (did you mean workers?).",
        "nurture.toml: mail.provider: 'pigeon' must be one of outbox, smtp, sendgrid.",
        "nurture.toml: mail.from: 5 must be a text, in quotes.",
        "nurture.toml: mail.reply_domain: '\\x00' must be a text, in quotes.",
        "nurture.toml: mail.settle_after: 1e+20 seconds is no duration: it must be from 0 to a hundred years.",
        f"nurture.toml: mail.timeout: {DURATION}.",
        "nurture.toml: mail.lease: 0 must be longer than nothing.",
        "nurture.toml: mail.workers: True must be a whole number from 1 to 1024.",
        "nurture.toml: mail.rate: 7 must be a rate: write for example '100 per hour'.",
        "nurture.toml: mail.first_wave_watch: inf seconds is no duration: it must be from 0 to a hundred years.",
        "nurture.toml: mail.pause_at_complaints: '110%' must be a share: write for example '0.1%'; '0%' lifts it.",
        "nurture.toml: mail.track_links: 'perhaps' must be true or false.",
        "nurture.toml: senders.kim.from: it must be set.",
        "nurture.toml: senders.lee: it must be a table.",
        "NURTURE_SMTP__PORT: '70000' must be a whole number from 1 to 65535.",
        f"nurture.toml: calendar.fiscal_year_start: {DAY}.",
        "nurture.toml: digest.at: '25:00' must be a time of the day: write for example '08:00'.",
        "nurture.toml: state: it must be a table.",
    ]


def test_a_variable_names_a_webhook_that_has_a_hyphen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = '[webhooks.crm-note]\nurl = "https://crm.example/hook"\n'
    monkeypatch.setenv("NURTURE_WEBHOOKS__CRM_NOTE__SECRET", "s3cret")
    found = {name: one.secret.get_secret_value() for name, one in read(tmp_path, file).webhooks.items()}
    assert found == {"crm-note": "s3cret"}
    monkeypatch.setenv("NURTURE_WEBHOOKS__CRM_NOTE__ULR", "https://x.example")
    assert problems(tmp_path, file) == ["NURTURE_WEBHOOKS__CRM_NOTE__ULR: unknown key (did you mean url?)."]


def test_the_environment_finds_a_name_with_capitals_and_is_named_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = 'senders.Dana = {from = "d@acme.example", phone = "1"}'
    monkeypatch.setenv("NURTURE_SENDERS__DANA__PHONE", "2")
    assert [one.phone for one in read(tmp_path, file).senders.values()] == ["2"]
    monkeypatch.setenv("nurture_mail__timeout", "\u00b2")
    assert problems(tmp_path, file) == [f"nurture_mail__timeout: {DURATION.replace('soon', chr(0xB2))}."]


@pytest.mark.parametrize("bind", ["8025", ":8025", "127.0.0.1:65536", "127.0.0.1:\u00b2", "localhost:http"])
def test_an_address_that_nothing_can_listen_at_is_refused(tmp_path: Path, bind: str) -> None:
    assert problems(tmp_path, f'web.bind = "{bind}"') == [f"nurture.toml: web.bind must be HOST:PORT, not {bind!r}."]


def test_a_secret_is_not_shown_where_it_is_wrong(tmp_path: Path) -> None:
    assert problems(tmp_path, "smtp = {password = 12345}") == [
        "nurture.toml: smtp.password: it must be a text, in quotes."
    ]


@pytest.mark.parametrize(
    "place",
    ["sendgrid.api_key", "smtp.password", "imap.password", "web.secret_key", "crm.secret", "webhooks.it.secret"],
)
def test_a_secret_in_a_file_that_others_can_read_is_refused(tmp_path: Path, place: str) -> None:
    text = f'{place} = "pw"\nwebhooks.it.url = "https://it.example"'
    assert read(tmp_path, text)
    (tmp_path / "nurture.toml").chmod(0o640)
    with pytest.raises(RequestError, match=f"{place} is a secret") as caught:
        read_settings(tmp_path)
    assert f"Set NURTURE_{place.replace('.', '__').upper()} instead" in caught.value.hint


def test_an_unknown_section_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path, "[mails]") == ["nurture.toml: unknown section [mails]."]
