"""The test server itself: databases of one's own, and nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests import postgres

ROOT = Path(__file__).resolve().parent.parent


def connection_string(url: str) -> str:
    return url.replace("postgresql+psycopg:", "postgresql:")


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_database(postgres_url: str, turn: int) -> None:
    with psycopg.connect(connection_string(postgres_url)) as connection:
        connection.execute("CREATE TABLE only_mine (turn int)")
        connection.execute("INSERT INTO only_mine VALUES (%s)", [turn])
        assert connection.execute("SELECT turn FROM only_mine").fetchall() == [(turn,)]


def test_a_database_can_start_as_a_copy_of_another(postgres_server: postgres.Server) -> None:
    with postgres_server.database() as url:
        with psycopg.connect(connection_string(url)) as connection:
            connection.execute("CREATE TABLE schema_of_all (id int)")
        with (
            postgres_server.database(template=url.split("@/")[1].split("?")[0]) as copy,
            psycopg.connect(connection_string(copy)) as connection,
        ):
            assert connection.execute("SELECT count(*) FROM schema_of_all").fetchone() == (0,)


def test_a_url_is_given_for_both_databases(database_url: str) -> None:
    assert database_url.split(":")[0] in ("sqlite", "postgresql+psycopg")


def test_a_killed_owner_leaves_no_server_behind(postgres_server: postgres.Server) -> None:
    program = "from tests.postgres import start; import os, time; print(start(os.getpid()).socket_folder, flush=True)"
    owner = subprocess.Popen([sys.executable, "-c", f"{program}; time.sleep(60)"], cwd=ROOT, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    with owner.stdout as lines:
        folder = Path(lines.readline().decode().strip())
    psycopg.connect(host=str(folder), user=postgres.USER, dbname="postgres").close()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    until = time.monotonic() + 15
    while folder.parent.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not folder.parent.exists()
