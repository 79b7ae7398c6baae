"""Tell an operator, once a day, that signed deliveries do not fit the key that we have: it was changed, mostly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from fastapi.concurrency import run_in_threadpool

from nurture import log
from nurture.domain.errors import UnreachableError
from nurture.web.site import Site

AGAIN: Final = 3600.0  # seconds for which nothing is written: anybody can send us what is signed wrongly
SUBJECT: Final = "Deliveries of the mail provider are refused"
ALERT: Final = (
    "Something signed came to {path}, and the signature does not fit {setting}. If the key was changed at the provider,"
    " set the new one and restart the daemons: until then replies, bounces or unsubscribes do not reach us, and the"
    " provider gives up after a day. If all else arrives as it should, somebody tries to deceive us, in vain."
)
_log: Final = log.get("web")


@dataclass(slots=True)
class Refusals:
    """Whom this process has told of which key, by the boot-time clock."""

    site: Site
    told: dict[str, float] = field(default_factory=dict)

    async def tell(self, path: str, setting: str) -> None:
        """Something whose signature is wrong came to this path."""
        at = self.site.app.clock.boottime()
        if at - self.told.get(setting, -AGAIN) >= AGAIN:
            self.told[setting] = at
            await run_in_threadpool(self._store, path, setting)

    def _store(self, path: str, setting: str) -> None:
        payload = {"subject": SUBJECT, "text": ALERT.format(path=path, setting=setting)}
        try:
            now = self.site.now()
            with self.site.app.store.unit() as work:
                key = f"refused:{setting}:{now:%Y-%m-%d}"
                work.sales.deliver(key=key, kind="alert", to="", payload=payload, at=now)
                work.commit()
        except UnreachableError:
            del self.told[setting]  # the next one tells
            _log.warning("alert_not_stored", setting=setting)
