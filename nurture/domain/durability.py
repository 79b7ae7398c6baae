"""Can a commit be lost that was answered? Then a mail that went out could go out again: the database's settings say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nurture.domain.mail_domain import Finding

# Of synchronous_commit: the levels that wait for the server's own disk, and those that wait for a standby as well.
ON_DISK: Final = frozenset({"on", "local", "remote_write", "remote_apply"})
ON_STANDBY: Final = frozenset({"on", "remote_write", "remote_apply"})
FAILOVER: Final = "Set synchronous_standby_names and synchronous_commit = on; else a failover counts as a restore."


@dataclass(frozen=True, slots=True)
class Durability:
    """What a PostgreSQL server says of its commits.

    `standbys`: that follow it now. `hosts`: that our own address of the database names.
    """

    fsync: bool
    synchronous_commit: str
    synchronous_standby_names: str
    standbys: int
    hosts: int = 1


def is_kept(found: Durability) -> bool:
    """Whether each commit is on a standby before it counts: a failover loses none."""
    return bool(found.synchronous_standby_names.strip()) and found.synchronous_commit in ON_STANDBY


def judge_durability(found: Durability) -> Iterator[Finding]:
    """What it means for mail that was handed over."""
    if not found.fsync or found.synchronous_commit not in ON_DISK:
        what = "fsync = off" if not found.fsync else f"synchronous_commit = {found.synchronous_commit}"
        yield Finding(
            "error", f"The database may lose commits in a crash ({what}): mail could go out twice.", "Set on."
        )
    elif found.standbys or found.hosts > 1:
        names, level = found.synchronous_standby_names, found.synchronous_commit
        if not is_kept(found):
            why = "synchronous_standby_names is empty" if not names.strip() else f"synchronous_commit = {level}"
            yield Finding("warning", f"The standby is not synchronous ({why}): a failover may lose commits.", FAILOVER)
        else:
            yield Finding("ok", "A commit is on a synchronous standby before it counts.")
    else:
        yield Finding("ok", "A commit is on disk before it counts; the database has no standby.")
