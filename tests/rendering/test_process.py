"""Mails made by a second process are those that would be made here, whatever becomes of that process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from pathlib import Path
from textwrap import dedent

import pytest

from nurture.adapters.links import SignedLinks
from nurture.adapters.mail.sendgrid_payload import packed, request
from nurture.adapters.rendering import Templates, process
from nurture.adapters.rendering.process import AHEAD, MANY, RenderProcess
from nurture.domain.draft import Draft, Rendered, Unrendered
from nurture.domain.policy import Sender
from nurture.moves.rendering import Here

URL, KEYS = "https://acme.example", ("a key for tests",)
FOOTER = "{{ postal_address }} {{ unsubscribe_url }}"
HTML = "---\nsubject: For {{ first_name }}\n---\n{{ 100 // seats }} <a href=\"{{ link('https://a.example') }}\">a</a>"
HERE = Here(SignedLinks(URL, KEYS))
SENDER = Sender("dana", "dana@acme.example", "Dana", "reply.acme.example", "1 Road")


def texts(word: str = "Hello") -> Templates:
    return Templates({"hello.html": HTML + FOOTER, "hello.txt": f"{word} {FOOTER}"})


def drafts(many: int, *, at: int = 0) -> list[Draft]:
    """Drafts for so many people; the seventh of each dozen has no seats, and cannot be divided by."""
    return [
        Draft(
            touch=f"t{number}",
            attempt=1,
            template="hello",
            cadence="course",
            sender=SENDER,
            names={"first_name": f"Ann {number}", "seats": number % 12 and 12, "postal_address": "1 Road"},
            to=f"p{number}@c.example",
            to_name="Ann",
            track_links=True,
            at=datetime(2026, 3, 3, 9, tzinfo=UTC),
        )
        for number in range(at, at + many)
    ]


@pytest.fixture
def renderer() -> Iterator[tuple[RenderProcess, Templates]]:
    templates = texts()
    made = RenderProcess(URL, KEYS, partial(packed, workspace="w"))
    made.start(templates, wait=True)
    yield made, templates
    made.close()


def the_process() -> BaseProcess:
    """The only child that renders."""
    (found,) = (one for one in active_children() if one.name == "rendering")
    return found


def test_the_mails_are_those_that_would_be_made_here(renderer: tuple[RenderProcess, Templates]) -> None:
    made, templates = renderer
    shares = [drafts(MANY, at=MANY * number) for number in range(2 * AHEAD)]
    begun = [made.begin(share, templates) for share in shares]
    assert the_process().is_alive()
    for share, mails in zip(shares, begun, strict=True):
        assert list(mails) == list(HERE.begin(share, templates))
    mail = next(iter(made.begin(shares[1], templates)))
    assert isinstance(mail, Rendered)
    assert mail.message.packed == request(mail.message, workspace="w")
    (failed, *_) = (mail for mail in made.begin(shares[0], templates) if isinstance(mail, Unrendered))
    assert "hello.html" in failed.because
    others = texts("Good day")  # applied meanwhile
    made.start(others, wait=True)
    assert list(made.begin(shares[0], others)) == list(HERE.begin(shares[0], others))
    assert list(made.begin(shares[0], templates)) == list(HERE.begin(shares[0], templates))


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_dies_or_hangs_costs_no_mail(
    renderer: tuple[RenderProcess, Templates], sign: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, templates = renderer
    monkeypatch.setattr(process, "PATIENCE", 0.2)
    shares = [drafts(MANY, at=MANY * number) for number in range(3)]
    begun = [made.begin(share, templates) for share in shares]
    lost = the_process()
    assert lost.pid is not None
    os.kill(lost.pid, sign)
    for share, mails in zip(shares, begun, strict=True):
        assert list(mails) == list(HERE.begin(share, templates))
    assert lost not in active_children()
    assert list(made.begin(shares[0], templates)) == list(HERE.begin(shares[0], templates))  # by another, or here


def gone(process: Path) -> bool:
    """Whether it ends in time; one that nobody has waited for yet is over too."""
    for _ in range(200):
        if not process.exists() or process.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_the_process_ends_with_the_one_that_it_belongs_to() -> None:
    script = """
        import os, time
        from nurture.adapters.rendering import Templates
        from nurture.adapters.rendering.process import RenderProcess
        if __name__ == "__main__":
            made = RenderProcess("https://go.acme.example", ["a key"])
            made.start(Templates({}), wait=True)
            print(made._worker.process.pid, flush=True)
            time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", dedent(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = Path(f"/proc/{parent.stdout.readline().strip()}/stat")
        assert child.exists()
        parent.kill()
        assert gone(child)
