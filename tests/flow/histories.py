"""Made-up histories of what sales said to promoted leads, with a cause of rejection planted, or without any."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any, Final

from nurture.adapters.store.tables import handoffs, leads, promotions, responses
from nurture.adapters.store.unit import SqlStore
from tests.fakes import A_TUESDAY

INDUSTRIES: Final = ("manufacturing", "food", "education", "health")


def a_history(store: SqlStore, cause: str, *, count: int = 240, seed: int = 7) -> None:
    """`cause`: `no phone`, `education` (those are mostly rejected), or nothing (rejected by chance)."""
    dice = random.Random(seed)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("leads", "promotions", "handoffs", "responses")}
    companies = [_company(store, industry) for industry in INDUSTRIES]
    with store.engine.begin() as db:
        for number in range(1, count + 1):
            at = A_TUESDAY - timedelta(days=360) + timedelta(days=350 * number / count)
            place, phone = dice.randrange(len(INDUSTRIES)), dice.random() < 0.75
            planted = {"no phone": not phone, "education": INDUSTRIES[place] == "education"}.get(cause, False)
            rejected = dice.random() < (0.85 if planted else 0.12)
            state = "rejected" if rejected else dice.choice(["accepted", "accepted", "won", "lost", "offered"])
            common = {"created_at": at - timedelta(days=90), "arrived_at": at, "changed_at": at}
            rows["leads"].append(
                {
                    "id": number,
                    "email": f"lead-{number}@example.com",
                    "status": "nurturing",
                    "stage": "near_term",
                    "company_id": companies[place],
                    "source": dice.choice(["web", "show"]),
                    "phone": "+33123456789" if phone else None,
                    "country": dice.choice(["FR", "DE"]),
                    **common,
                }
            )
            rows["promotions"].append({"id": number, "lead_id": number, "at": at, "why": "", "brief": {}})
            answered = None if state == "offered" else at + timedelta(hours=3)
            reason = ("unreachable" if not phone else "no_fit") if rejected else None
            offer: dict[str, Any] = {
                "rep": "lee@acme.example",
                "state": state,
                "reason": reason,
                "created_at": at,
                "offered_at": at,
            }
            offer |= {"id": number, "lead_id": number, "promotion_id": number, "answered_at": answered}
            rows["handoffs"].append(offer)
            heard = {"lead_id": number, "kind": "reply", "grade": "human", "detail": {"intent": "interested"}}
            for part in range(1 + (not rejected) * dice.randrange(3)):
                when = {"at": at - timedelta(days=1 + part), "recorded_at": at, "key": f"{number}.{part}"}
                rows["responses"].append(heard | when)
        for table in (leads, promotions, handoffs, responses):
            db.execute(table.insert(), rows[table.name])


def _company(store: SqlStore, industry: str) -> int:
    with store.unit() as work:
        number = work.leads.company_for(
            name=industry, domain=f"{industry}.example", values={"industry": industry}, now=A_TUESDAY
        )
        work.commit()
    return number
