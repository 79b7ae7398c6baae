"""What the DNS says of a domain that mail is sent from, or answered to: judged as those who receive it do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

# Names for examples and tests (RFC 2606, RFC 6761): nobody has them, and nothing is to be looked up.
RESERVED: Final = ("example", "test", "invalid", "localhost", "example.com", "example.net", "example.org")
# Under these a key is usually published: by SendGrid, Google, Microsoft, Amazon's helpers, common mail servers.
SELECTORS: Final = ("s1", "s2", "google", "selector1", "selector2", "default", "dkim", "mail", "k1")
SENDGRID_MX: Final = "mx.sendgrid.net"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is right or wrong, and what to do."""

    severity: Literal["ok", "warning", "error"]
    what: str
    hint: str = ""


def is_reserved(domain: str) -> bool:
    """Whether the domain stands in examples only."""
    return any(domain == name or domain.endswith(f".{name}") for name in RESERVED)


def judge_spf(domain: str, texts: Sequence[str]) -> Finding:
    """RFC 7208: exactly one record, and one that does not let everybody in."""
    found = [text for text in texts if text.lower().split(" ")[0] == "v=spf1"]
    if not found:
        hint = "Publish the record that your mail provider names."
        return Finding("warning", f"{domain} has no SPF record: mail services ask bulk senders for one.", hint)
    if len(found) > 1:
        return Finding("error", f"{domain} has {len(found)} SPF records, so that none holds.", "Merge them into one.")
    words = found[0].lower().split()
    if "+all" in words or "all" in words:
        return Finding("error", f"The SPF record of {domain} lets everybody send (+all).", "End it with ~all or -all.")
    return Finding("ok", f"{domain} has an SPF record.")


def judge_dkim(domain: str, keys: Sequence[tuple[str, Sequence[str]]]) -> Finding:
    """RFC 6376: at least one selector with a key; one with an empty `p=` was revoked."""
    for selector, texts in keys:
        tags = _tags("".join(texts))
        if tags.get("p"):
            return Finding("ok", f"{domain} has a DKIM key ({selector}).")
    tried = ", ".join(selector for selector, _ in keys)
    hint = "Authenticate the domain with your provider, or name its selector in mail.dkim_selector."
    return Finding("warning", f"No DKIM key of {domain} was found (looked for {tried}).", hint)


def judge_dmarc(domain: str, texts: Sequence[str]) -> Finding:
    """RFC 7489: one record with a policy; `none` is enough for mail to be accepted."""
    found = [text for text in texts if text.lower().replace(" ", "").startswith("v=dmarc1")]
    if not found:
        hint = f"Publish a TXT record at _dmarc.{domain}: v=DMARC1; p=none; rua=mailto:..."
        return Finding("warning", f"{domain} has no DMARC record: Gmail, Yahoo and Outlook ask for one.", hint)
    policy = _tags(found[0]).get("p", "").lower()
    if len(found) > 1 or policy not in ("none", "quarantine", "reject"):
        return Finding(
            "error", f"The DMARC record of {domain} is not valid.", "There must be one, with p=none or more."
        )
    return Finding("ok", f"{domain} has a DMARC record (p={policy}).")


def judge_mx(domain: str, hosts: Sequence[str], *, sendgrid: bool) -> Finding:
    """Whether answers arrive: at SendGrid's Inbound Parse where that carries the mail."""
    named = [host.rstrip(".").lower() for host in hosts if host.strip(".")]
    if not named:
        return Finding("error", f"{domain} has no MX record: answers do not arrive.", "Publish one.")
    if sendgrid and SENDGRID_MX not in named:
        hint = f"Inbound Parse needs {SENDGRID_MX}; that is right where you read a mailbox instead."
        return Finding("warning", f"Answers to {domain} go to {named[0]}.", hint)
    return Finding("ok", f"Answers to {domain} arrive at {named[0]}.")


def above(domain: str) -> Iterator[str]:
    """The domain and those above it, as long as they have two labels: where a DMARC record may stand."""
    labels = domain.split(".")
    for at in range(max(1, len(labels) - 1)):
        yield ".".join(labels[at:])


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): "".join(value.split()) for name, _, value in pairs}
