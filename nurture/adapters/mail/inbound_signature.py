"""The signature of SendGrid's Inbound Parse webhook, over bytes: mail has every charset, the library takes UTF-8."""

from __future__ import annotations

import base64


def verify_inbound(public_key: str, signature: str | None, timestamp: str | None, body: bytes) -> bool:
    """Whether the body, byte for byte, was signed by the holder of the key. Never raises."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    if not public_key or not signature or not timestamp:
        return False
    try:
        key = load_der_public_key(base64.b64decode(public_key, validate=True))
        if not isinstance(key, EllipticCurvePublicKey):
            return False
        key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
