"""What doctor says of a database whose commits a crash or a failover may lose."""

from __future__ import annotations

import pytest

from nurture.adapters.store.durability import durability, hosts_of
from nurture.adapters.store.engine import open_engine
from nurture.domain.durability import Durability, judge_durability

SAFE = {"fsync": True, "synchronous_commit": "on", "synchronous_standby_names": "", "standbys": 0}


@pytest.mark.parametrize(
    ("over", "severity", "says"),
    [
        ({}, "ok", "no standby"),
        ({"synchronous_commit": "off"}, "error", "synchronous_commit = off"),
        ({"fsync": False, "standbys": 1, "synchronous_standby_names": "*"}, "error", "fsync = off"),
        ({"standbys": 1}, "warning", "synchronous_standby_names is empty"),
        ({"hosts": 2}, "warning", "synchronous_standby_names is empty"),
        ({"standbys": 2, "synchronous_standby_names": "*", "synchronous_commit": "local"}, "warning", "= local"),
        ({"standbys": 1, "synchronous_standby_names": "ANY 1 (b)"}, "ok", "on a synchronous standby"),
        (
            {"standbys": 1, "synchronous_standby_names": "b", "synchronous_commit": "remote_apply"},
            "ok",
            "on a synchronous standby",
        ),
    ],
)
def test_a_failover_that_may_lose_commits_is_said(over: dict[str, object], severity: str, says: str) -> None:
    (found,) = judge_durability(Durability(**{**SAFE, **over}))  # type: ignore[arg-type]
    assert found.severity == severity
    assert says in found.what


def test_a_server_is_asked_and_a_file_need_not_be(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    engine = open_engine(postgres_url)
    found = durability(engine)
    engine.dispose()
    assert found == Durability(False, "off", "", 0)  # that of the tests: fast, and not safe
    file = open_engine(f"sqlite:///{tmp_path_factory.mktemp('d') / 'nurture.db'}")
    assert durability(file) is None
    file.dispose()


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql+psycopg://n@/d?host=%2Ftmp%2Fx", 1),
        ("postgresql+psycopg://n@a/d", 1),
        ("postgresql+psycopg://n@/d?host=a,b&target_session_attrs=read-write", 2),
        ("postgresql+psycopg://n@/d?host=a:5432&host=b:5432", 2),
    ],
)
def test_an_address_of_several_servers_means_a_standby(url: str, hosts: int) -> None:
    engine = open_engine(url)
    try:
        assert hosts_of(engine) == hosts
    finally:
        engine.dispose()
