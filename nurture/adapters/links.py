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
        key = self._signer(purpose).secret_keys[-1]
        payload = base64_encode(json.dumps(value, separators=(",", ":")))
        return f"{payload.decode()}.{base64_encode(hmac.digest(key, payload, 'sha256')).decode()}"

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
        return f"{LOCAL_PART}+{touch}.{self._tag(touch, self._keys[-1])}@{domain}"

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
        return _short(hmac.digest(key.encode(), b"nurture.reply." + touch.encode(), "sha256"))


def _short(digest: bytes) -> str:
    return base64.b32encode(digest[:_TAG_BYTES]).decode("ascii").lower()
