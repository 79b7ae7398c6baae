"""Looks up what the DNS says of a mail domain; answers quickly, or says that the DNS is out of reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from nurture.domain.errors import UnreachableError

if TYPE_CHECKING:
    from dns.resolver import Resolver

PATIENCE: Final = 3.0  # seconds for one name


@dataclass(slots=True)
class MailNames:
    """TXT and MX records. `servers`: (address, port) of a name server in the place of the machine's."""

    server: tuple[str, int] | None = None
    _resolver: Resolver | None = field(default=None, repr=False)

    def texts(self, name: str) -> list[str]:
        """The TXT records of a name; none where there is no such name. Raises UnreachableError."""
        return [b"".join(one.strings).decode("utf-8", "replace") for one in self._ask(name, "TXT")]

    def mail_hosts(self, domain: str) -> list[str]:
        """Where mail to a domain goes, the preferred first. Raises UnreachableError."""
        rows = sorted(self._ask(domain, "MX"), key=lambda one: (one.preference, one.exchange))
        return [one.exchange.to_text(omit_final_dot=True) for one in rows]

    def _ask(self, name: str, kind: str) -> list[Any]:
        import dns.exception
        import dns.resolver

        try:
            if self._resolver is None:
                self._resolver = dns.resolver.Resolver(configure=self.server is None)
                if self.server is not None:
                    self._resolver.nameservers, self._resolver.port = [self.server[0]], self.server[1]
            return list(self._resolver.resolve(f"{name}.", kind, lifetime=PATIENCE, raise_on_no_answer=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, UnicodeError) as problem:
            raise UnreachableError(
                f"The DNS does not answer about {name} ({type(problem).__name__}).", hint="Try again with a network."
            ) from problem


def key_problem(text: str) -> str:
    """What is wrong with a verification key of SendGrid: base64 of a DER key, without PEM lines. Empty: nothing."""
    import base64

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    if "-----" in text:
        return "it has PEM lines; only what stands between them is the key"
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except ValueError:
        return "it is no public key"
    return "" if isinstance(key, EllipticCurvePublicKey) else "it is a key of another kind"
