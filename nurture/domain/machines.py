"""Was it a person who opened or clicked? Signs of scanners and prefetchers, and a verdict that names them.

Two signs are a machine, one is likely one. No sign is proof: user agents are forged, and some scanners wait for hours;
so every event is kept with its reasons, and verdicts can be made again.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from nurture.domain.response import Grade

TOO_SOON: Final = timedelta(seconds=10)  # after delivery: nobody has read it yet
BURST: Final = timedelta(seconds=3)
BURST_LINKS: Final = 3
PREFETCH: Final = "PREFETCH"  # the method of a hit that its browser calls a fetch ahead
MANY_RECIPIENTS: Final = 5  # mails to so many people followed from one address within minutes
_NO_CLICK: Final = {"HEAD": "a HEAD request", PREFETCH: "it was fetched ahead of a click"}
_TOOL: Final = re.compile(
    r"bot\b|crawler|spider|scan|preview|prefetch|proxy|curl|wget|python|requests|urllib|java/|okhttp|go-http|libwww|perl"
    r"|headless|phantom|httpclient|axios|node-fetch|ruby|scrapy|barracuda|mimecast|proofpoint|safelinks|fireeye|symantec"
    r"|trend ?micro|sophos|forcepoint|zscaler|checkpoint|cloudmark|slurp|facebookexternal|linkcheck|validator",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One fetch of an image or a link. `honeypot`: a link that no reader sees, or the unsubscribe link."""

    at: datetime
    url: str = ""
    ip: str = ""
    user_agent: str = ""
    method: str = "GET"
    honeypot: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """A grade with its reasons in words."""

    grade: Grade
    why: tuple[str, ...] = ()


def judge_hit(
    hit: Hit,
    *,
    delivered_at: datetime | None,
    others: Collection[Hit] = (),
    recipients_of_ip: int = 1,
    provider_says: bool | None = None,
) -> Verdict:
    """Who followed a link or opened a mail.

    `others`: the other hits on the same mail, in any order. `recipients_of_ip`: to how many people the mails went that
    were followed from this network address. `provider_says`: the provider's own word, None where it gives none.
    """
    found: list[str] = []
    if delivered_at is not None and hit.at < delivered_at:
        found.append("it came before the mail was delivered")
    elif delivered_at is not None and hit.at - delivered_at <= TOO_SOON:
        found.append(f"it came {(hit.at - delivered_at).total_seconds():.0f} s after the delivery")
    links = {one.url for one in (*others, hit) if one.url and abs(one.at - hit.at) <= BURST}
    if hit.url and len(links) >= BURST_LINKS:
        found.append(f"{len(links)} different links within {BURST.seconds} s")
    ahead = _NO_CLICK.get(hit.method.upper())
    if ahead is not None:
        found.append(ahead)
    if not hit.user_agent.strip():
        found.append("no user agent")
    elif tool := _TOOL.search(hit.user_agent):
        found.append(f"the user agent is a tool ({tool[0].lower()})")
    if hit.honeypot or any(one.honeypot and one.ip == hit.ip and abs(one.at - hit.at) <= BURST for one in others):
        found.append("a link was followed that no reader follows")
    if recipients_of_ip >= MANY_RECIPIENTS:
        found.append(f"the same address followed mails to {MANY_RECIPIENTS} people or more")
    if ahead is not None:  # no browser follows a link so: this sign needs no second one
        return Verdict(Grade.MACHINE, tuple(found))
    if provider_says:
        return Verdict(Grade.MACHINE, ("the provider calls it a machine", *found))
    if len(found) >= 2:
        return Verdict(Grade.MACHINE, tuple(found))
    return Verdict(Grade.LIKELY_MACHINE if found else Grade.HUMAN, tuple(found))
