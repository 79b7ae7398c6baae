"""JSON Schemas for editors, made of the same shapes that read the files. Draft 7: what YAML language servers speak."""

from __future__ import annotations

from typing import Final

from nurture.adapters.cadence_files.cadence import CADENCE
from nurture.adapters.cadence_files.people import PEOPLE
from nurture.adapters.cadence_files.readiness import READINESS
from nurture.adapters.cadence_files.schema import Json, Shape
from nurture.adapters.cadence_files.scoring import SCORING
from nurture.adapters.cadence_files.sources import SOURCES
from nurture.adapters.cadence_files.steps import definitions
from nurture.domain.errors import UnknownNameError

KINDS: Final[dict[str, Shape]] = {
    "cadence": CADENCE,
    "scoring": SCORING,
    "readiness": READINESS,
    "people": PEOPLE,
    "sources": SOURCES,
}


def schema(kind: str) -> Json:
    """The JSON Schema of one kind of file. Raises UnknownNameError for another word than those in KINDS."""
    if kind not in KINDS:
        raise UnknownNameError("kind of file", kind, KINDS, otherwise=f"One of: {', '.join(KINDS)}.")
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": f"nurture: {kind}"}
    inside = {"definitions": definitions()} if kind == "cadence" else {}
    return {**head, **KINDS[kind].schema(), **inside}
