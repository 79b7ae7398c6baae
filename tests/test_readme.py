"""The README is true: every block of its tutorial is executed, in order, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from email import message_from_bytes
from email.utils import parseaddr
from pathlib import Path
from select import select

from nurture import commands
from tests.forked import context

ROOT = Path(__file__).parents[1]
TUTORIAL = "## Ten minutes: from an empty folder to a first promoted lead"


def blocks() -> list[str]:
    """The shell blocks of the tutorial."""
    text = (ROOT / "README.md").read_text("utf-8")
    part = text[text.index(TUTORIAL) :]
    part = part[: part.index("\n## ", 10)]
    return re.findall(r"```sh\n(.*?)```", part, re.DOTALL)


# A command is asked for here, made by a process of its own that has everything loaded, and says how it ended.
ASKING = """set -eu
nurture() {
    printf '%s\\0' "$PWD" "$@" . > "$HOME/asked"
    read -r ended < "$HOME/ended"
    return "$ended"
}
"""


def command(folder: str, arguments: Sequence[str], out: str, err: str) -> None:
    """One command in a folder, as its own process."""
    for number, file in enumerate((out, err), 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), number)
    os.environ["NURTURE_USER"] = "otto"
    os.chdir(folder)
    sys.argv = ["nurture", *arguments]
    commands.main()


def shell(script: str, home: Path) -> tuple[int, str, str]:
    """Run a script in which `nurture` is this checkout's: its exit code, and what it said."""
    out, err, env = home / "out", home / "err", {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    with ExitStack() as stack:
        for name in ("asked", "ended"):
            os.mkfifo(home / name)
        asked, ended = (stack.enter_context((home / name).open("r+b", 0)) for name in ("asked", "ended"))
        to, beside = (stack.enter_context(file.open("ab")) for file in (out, err))
        bash = subprocess.Popen(["bash", "-c", ASKING + script], cwd=home, env=env, stdout=to, stderr=beside)
        said = b""
        while bash.poll() is None:
            if select([asked], [], [], 0.01)[0]:
                said += asked.read(4096)
            if said.endswith(b"\0.\0"):
                where, *arguments = said.decode().split("\0")[:-2]
                process = context.Process(target=command, args=(where, arguments, str(out), str(err)))
                process.start()
                process.join()
                ended.write(b"%d\n" % (process.exitcode or 0))
                said = b""
    return bash.returncode, out.read_text("utf-8"), err.read_text("utf-8")


def test_the_tutorial_leads_from_an_empty_folder_to_a_lead_that_sales_accepted(tmp_path: Path) -> None:
    wanted = blocks()
    assert len(wanted) >= 8
    told = "echo TOLD; nurture handoff list --json; nurture lead show ann.berg@plantworks.example --json"
    code, out, err = shell("\n".join([*wanted, told]), tmp_path)
    assert code == 0, err + out
    assert "Traceback" not in err
    handoffs, _, lead = out.partition("TOLD\n")[2].partition("\n]\n")
    assert [(one["email"], one["state"]) for one in json.loads(handoffs + "\n]")] == [
        ("ann.berg@plantworks.example", "accepted")
    ]
    assert json.loads(lead)["status"] == "accepted"
    # Bo is written to as well, where it is run in office hours of Canada.
    mails = [message_from_bytes(one.read_bytes()) for one in (tmp_path / "acme" / "outbox").glob("*.eml")]
    recipients = Counter(parseaddr(mail["To"])[1] for mail in mails) - Counter({"bo.lind@northfoods.example": 1})
    assert recipients == {"ann.berg@plantworks.example": 1, "lee@acme.example": 1}
    assert "Ann Berg is near-term, 99 points, offered." in out
    assert "Then: nurture handoff contacted 1" in err


def test_every_page_that_the_readme_points_to_is_there() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        assert (ROOT / target).exists(), target
