"""Processes of one's own that start in milliseconds: made by a server that has everything loaded, and safe to kill."""

from __future__ import annotations

import multiprocessing
from pkgutil import iter_modules
from typing import Final

from nurture.adapters import store
from nurture.commands import CONTENTS

context = multiprocessing.get_context("forkserver")

# What the targets are defined in, and what commands and passes load only when they need it.
LOADED: Final = (
    *("tests.journeys.crash", "tests.store.test_upgrades", "tests.test_readme"),
    *("nurture.daemon.tick", "nurture.daemon.incoming", "nurture.adapters.links", "nurture.adapters.courier"),
    *(one.name for one in iter_modules(store.__path__, f"{store.__name__}.")),
    *("nurture.adapters.mail.sendgrid", "nurture.adapters.rendering.process", "nurture.adapters.rendering.templates"),
    *("sqlalchemy.dialects.sqlite.pysqlite", "sqlalchemy.dialects.postgresql.psycopg", "alembic.command"),
    *("nurture.adapters.clock", "nurture.adapters.forgotten_book", "nurture.adapters.high_water"),
    *("css_inline", "holidays", "psycopg", "sqlite3"),
    *(f"nurture.commands.{module}" for module, _ in CONTENTS.values()),
)
context.set_forkserver_preload(list(LOADED))
