"""Tokens of the API: only their hash is kept, so that a stolen database opens nothing."""

from __future__ import annotations

import secrets
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Engine, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.exc import IntegrityError

from nurture.adapters.store.engine import WRITES
from nurture.adapters.store.tables import api_tokens
from nurture.domain.errors import RefusedError

PREFIX = "nurture_"  # so that a scanner for leaked secrets can know one


class Tokens:
    """The tokens in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str, *, at: datetime, by: str) -> str:
        """A new token; it is shown once. Raises RefusedError for a name that is taken."""
        token = PREFIX + secrets.token_urlsafe(32)
        values = {"name": name, "sha": _sha(token), "created_at": at, "created_by": by}
        try:
            with self._engine.begin() as db:
                db.execute(plain_insert(api_tokens).values(values))
        except IntegrityError:
            raise RefusedError(f"There is a token named {name!r} already.", hint="Choose another name.") from None
        return token

    def name_of(self, token: str) -> str | None:
        """Whose token this is; None for one that is not known."""
        with self._engine.connect() as db:
            name: str | None = (
                db.execution_options(**{WRITES: False})
                .execute(select(api_tokens.c.name).where(api_tokens.c.sha == _sha(token)))
                .scalar_one_or_none()
            )
        return name


def _sha(token: str) -> str:
    return sha256(token.encode()).hexdigest()
