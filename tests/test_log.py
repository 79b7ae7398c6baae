"""What a process logs: each line in one form, whoever wrote it."""

from __future__ import annotations

import json
import subprocess
import sys

SAID = """
import logging
from nurture import log
log.set_up(as_json={as_json})
log.get("daemon").info("started", sent=3)
library = logging.getLogger("some.library")
library.info("chatter")
library.warning("%s is odd", "it")
try:
    1 / 0
except ZeroDivisionError:
    library.exception("went wrong")
logging.getLogger("apscheduler.scheduler").warning("a pass takes longer than its tick")
"""


def said(*, as_json: bool) -> list[str]:
    """The lines that a process of its own writes: logging is set up once for all of it."""
    code = SAID.format(as_json=as_json)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout
    return done.stderr.splitlines()


def test_every_line_is_json_also_those_of_libraries() -> None:
    ours, warning, error = map(json.loads, said(as_json=True))
    assert (ours["event"], ours["level"], ours["sent"], ours["part"]) == ("started", "info", 3, "daemon")
    assert (warning["event"], warning["level"], warning["logger"]) == ("it is odd", "warning", "some.library")
    assert (error["event"], error["level"]) == ("went wrong", "error")
    assert "ZeroDivisionError" in error["exception"]
    assert {"timestamp"} <= ours.keys() & warning.keys() & error.keys()


def test_for_people_every_line_begins_with_the_time() -> None:
    ours, warning = said(as_json=False)[:2]
    assert "[info     ] started" in ours
    assert "[warning  ] it is odd" in warning
    assert ours[:10] == warning[:10]
