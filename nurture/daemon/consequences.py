"""What follows in the database from a change by a command: enrollments, promotions. Contact waits for a pass."""

from __future__ import annotations

from typing import Any

from nurture.flow import enroll, promote
from nurture.moves.again import again
from nurture.wiring import App


@again
def run(app: App) -> int:
    """Enroll and promote the leads that changed, as the next pass would; how many were promoted."""
    now = app.store.now(app.clock.now())
    rules = app.rules.in_force()
    common: dict[str, Any] = {"store": app.store, "rules": rules, "policy": app.policy, "now": now}
    enroll.run(**common)
    crm = bool(app.settings.crm.webhook)
    return promote.run(**common, new_id=app.clock.new_id, by="daemon", crm=crm).promoted
