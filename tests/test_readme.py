"""The README is true: every block of its tutorial is executed, in order, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from email import message_from_bytes
from email.utils import parseaddr
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TUTORIAL = "## Ten minutes: from an empty folder to a first promoted lead"


def blocks() -> list[str]:
    """The shell blocks of the tutorial."""
    text = (ROOT / "README.md").read_text("utf-8")
    part = text[text.index(TUTORIAL) :]
    part = part[: part.index("\n## ", 10)]
    return re.findall(r"```sh\n(.*?)```", part, re.DOTALL)


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in which `nurture` is this checkout's."""
    head = f'set -eu\nnurture() {{ "{sys.executable}" -m nurture "$@"; }}\n'
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "NURTURE_USER": "otto",
    }
    return subprocess.run(
        ["bash", "-c", head + script], cwd=folder, env=env, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.timeout(300)
def test_the_tutorial_leads_from_an_empty_folder_to_a_lead_that_sales_accepted(tmp_path: Path) -> None:
    wanted = blocks()
    assert len(wanted) >= 8
    done = shell("\n".join(wanted), tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    after = shell(
        "cd acme; nurture handoff list --json; nurture lead show ann.berg@plantworks.example --json", tmp_path
    )
    handoffs, _, lead = after.stdout.partition("\n]\n")
    assert [(one["email"], one["state"]) for one in json.loads(handoffs + "\n]")] == [
        ("ann.berg@plantworks.example", "accepted")
    ]
    assert json.loads(lead)["status"] == "accepted"
    # Bo is written to as well, where it is run in office hours of Canada.
    mails = [message_from_bytes(one.read_bytes()) for one in (tmp_path / "acme" / "outbox").glob("*.eml")]
    recipients = Counter(parseaddr(mail["To"])[1] for mail in mails) - Counter({"bo.lind@northfoods.example": 1})
    assert recipients == {"ann.berg@plantworks.example": 1, "lee@acme.example": 1}
    assert "Ann Berg is near-term, 99 points, offered." in done.stdout
    assert "Then: nurture handoff contacted 1" in done.stderr


def test_every_page_that_the_readme_points_to_is_there() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        assert (ROOT / target).exists(), target
