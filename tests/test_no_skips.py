"""Continuous integration skips nothing: with NURTURE_NO_SKIPS=1 a skip is a failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SKIPPING = {
    "test_one.py": "import pytest\ndef test_it() -> None:\n    pytest.skip('no browser')\ndef test_ok() -> None: ...\n",
    "test_module.py": "import pytest\npytest.skip('no node', allow_module_level=True)\n",
    "test_known.py": "import pytest\n@pytest.mark.xfail\ndef test_it() -> None:\n    raise AssertionError\n",
}


@pytest.mark.parametrize(
    ("setting", "code", "said"), [("1", 1, "NURTURE_NO_SKIPS=1 is set"), ("", 0, "1 passed, 2 skipped, 1 xfailed")]
)
def test_a_skip_is_a_failure_only_where_that_is_asked_for(tmp_path: Path, setting: str, code: int, said: str) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    for name in ("__init__.py", "conftest.py", "postgres.py"):
        shutil.copy(HERE / name, folder)
    for name, text in SKIPPING.items():
        (folder / name).write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment | {"NURTURE_NO_SKIPS": setting}, capture_output=True, text=True
    )
    assert said in ran.stdout
    assert ran.returncode == code
    if setting:
        assert "no browser" in ran.stdout
        assert "no node" in ran.stdout
