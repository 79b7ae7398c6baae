"""What follows in the database from a change by a command: enrollments, promotions. Contact waits for a pass."""

from __future__ import annotations

from nurture.flow import enroll, promote
from nurture.wiring import App


def run(app: App) -> None:
    """Enroll and promote the leads that changed, as the next pass would."""
    now = app.store.now(app.clock.now())
    rules = app.rules.in_force()
    enroll.run(store=app.store, rules=rules, policy=app.policy, now=now)
    crm = bool(app.settings.crm.webhook)
    promote.run(store=app.store, rules=rules, policy=app.policy, new_id=app.clock.new_id, now=now, by="daemon", crm=crm)
