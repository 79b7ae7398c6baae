"""Messages for the tests of this folder."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from nurture.domain.message import Message, message_id_for

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


def a_message(touch: str = "t1", **changes: Any) -> Message:
    """A mail to one lead, with the given fields changed."""
    message = Message(
        touch=touch,
        attempt=1,
        to=f"{touch}@customer.example",
        to_name="Ada Lovelace",
        from_email="news@vendor.example",
        from_name="Vendor News",
        reply_to=f"replies+{touch}@reply.vendor.example",
        subject="A plan for your budget season",
        html="<p>Hello Ada</p>\n",
        text="Hello Ada\n",
        message_id=message_id_for(touch, "vendor.example"),
        unsubscribe_url=f"https://vendor.example/u/{touch}",
        at=NOON,
        unsubscribe_mailto=f"stop+{touch}@reply.vendor.example",
        list_id="news.vendor.example",
        envelope_from=f"bounces+{touch}@reply.vendor.example",
    )
    return replace(message, **changes)
