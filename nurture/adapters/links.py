"""Signed addresses: tracked links, unsubscribe, preferences, offers, and the reply address of a touch.

Tokens are bound to one purpose and do not expire: an unsubscribe link must work for as long as the mail exists.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence

from itsdangerous import BadSignature, URLSafeSerializer
from itsdangerous.encoding import base64_encode

LOCAL_PART = "replies"
_TAG_BYTES = 10  # 80 bits: forging one of a million addresses is out of reach, and the local part stays short


_REPLY = b"nurture.reply."
_TIGHT = json.JSONEncoder(separators=(",", ":"))


class Seal:
    """HMAC-SHA-256 (RFC 2104) with one key: what each of millions of texts shares is done once, at half the cost."""

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def on(self, text: bytes) -> bytes:
        """The digest of a text."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.digest()


def workspace_name(key: str) -> str:
    """An opaque name for a workspace, which outlives its database: made of the key that signs its addresses."""
    return _short(hmac.digest(key.encode(), b"nurture.workspace", "sha256"))


class SignedLinks:
    """Makes and reads our own addresses. `keys`: the newest last; all of them are accepted."""

    def __init__(self, public_url: str, keys: Sequence[str]) -> None:
        if not keys or not all(keys):
            raise ValueError("a key is needed to sign addresses")
        self._base = public_url.rstrip("/")
        self._keys = list(keys)
        self._seal = Seal(self._keys[-1].encode())  # of reply addresses
        self._seals: dict[str, Seal] = {}  # by purpose
        self._signers: dict[str, URLSafeSerializer] = {}

    def _signer(self, purpose: str) -> URLSafeSerializer:
        if purpose not in self._signers:
            # Each key is derived here, once: the library would do it again for each token.
            salt = f"nurture.{purpose}".encode()
            keys = [hmac.new(key.encode(), salt, hashlib.sha256).digest() for key in self._keys]
            options = {"digest_method": hashlib.sha256, "key_derivation": "none"}
            self._signers[purpose] = URLSafeSerializer(keys, salt=salt, signer_kwargs=options)
        return self._signers[purpose]

    def token(self, purpose: str, value: object) -> str:
        """A token that only `read` with the same purpose accepts.

        Every mail has several, so they are written here and not by the library, which reads them: the same text.
        """
        seal = self._seals.get(purpose)
        if seal is None:
            seal = self._seals[purpose] = Seal(self._signer(purpose).secret_keys[-1])
        payload = base64_encode(_TIGHT.encode(value))
        return f"{payload.decode()}.{base64_encode(seal.on(payload)).decode()}"

    def read(self, purpose: str, token: str) -> object | None:
        """What a token says; None where it is not ours, or was made for something else."""
        try:
            value: object = self._signer(purpose).loads(token)
            return value
        except (BadSignature, UnicodeError):
            return None

    def tracked(self, touch: str, link: str) -> str:
        """The address of a tracked link."""
        return f"{self._base}/c/{self.token('c', [touch, link])}"

    def unsubscribe(self, touch: str) -> str:
        """The one-click unsubscribe address."""
        return f"{self._base}/u/{self.token('u', touch)}"

    def preferences(self, touch: str) -> str:
        """The page with less often, pause, stop."""
        return f"{self._base}/p/{self.token('p', touch)}"

    def offer(self, handoff: int, rep: str) -> str:
        """A rep's page to answer an offer."""
        return f"{self._base}/h/{self.token('h', [handoff, rep])}"

    def reply_to(self, touch: str, domain: str) -> str:
        """`replies+TOUCH.TAG@domain`; all lower case, because gateways change the case of local parts."""
        return f"{LOCAL_PART}+{touch}.{_short(self._seal.on(_REPLY + touch.encode()))}@{domain}"

    def read_reply_to(self, address: str) -> str | None:
        """The touch that a reply address names; None where it is not one of ours."""
        local, _, _ = address.strip().lower().rpartition("@")
        name, plus, rest = local.partition("+")
        touch, dot, tag = rest.rpartition(".")
        if name != LOCAL_PART or not plus or not dot or not touch:
            return None
        if any(hmac.compare_digest(tag.encode(), self._tag(touch, key).encode()) for key in self._keys):
            return touch
        return None

    def _tag(self, touch: str, key: str) -> str:
        return _short(hmac.digest(key.encode(), _REPLY + touch.encode(), "sha256"))


def _short(digest: bytes) -> str:
    return base64.b32encode(digest[:_TAG_BYTES]).decode("ascii").lower()
