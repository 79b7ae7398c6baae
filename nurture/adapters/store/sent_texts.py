"""Rows <-> mails as sent: what they share with others of their template is stored once, for each only the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, select

from nurture.adapters.store.among import among
from nurture.adapters.store.bulk import load
from nurture.adapters.store.rows import fetch, insert
from nurture.adapters.store.tables import skeletons, touch_texts
from nurture.domain.skeleton import ENOUGH, Pieces, blanks_of, skeleton_of, whole
from nurture.ports.rows import LaidOut, SentText

LONG: Final = 100_000  # characters: for longer mails nobody looks for what they share
WORTH: Final = 2  # so many times as long as what is stored must a mail be
MOST: Final = 8  # skeletons of one template that are tried
_BY_TEMPLATE: Final = select(skeletons).where(among(skeletons.c.template))
_BY_ID: Final = select(skeletons).where(among(skeletons.c.id))
_AS_SENT: Final = select(touch_texts).where(among(touch_texts.c.touch_id))
_FORGET: Final = delete(touch_texts).where(among(touch_texts.c.touch_id))
_COLUMNS: Final = ("touch_id", "subject", "html", "text", "skeleton_id")


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What the mails of a template share; its id is a hash of that."""

    id: str
    template: str
    html: Pieces
    text: Pieces


@dataclass(slots=True)
class _Known:
    """What this process knows of a template: its skeletons, and of the mails that fit none the last, by address."""

    skeletons: list[Skeleton] = field(default_factory=list)  # the one that fitted last comes first
    seen: dict[str, SentText] = field(default_factory=dict)
    fitting_none: int = 0
    enough: int = ENOUGH  # so many that fit none are a reason to look for another; each time twice as many


class Skeletons:
    """All that this process knows, for as long as it lives. What is in no database yet is stored with its first use."""

    def __init__(self) -> None:
        self._of: dict[str, _Known] = {}
        self._by_id: dict[str, Skeleton] = {}

    def read(self, db: Connection, templates: Collection[str]) -> None:
        """Learn the skeletons of templates that this process has not met."""
        new = {template for template in templates if template not in self._of}
        for template in new:
            self._of[template] = _Known()
        for row in fetch(db, _BY_TEMPLATE, new):
            self._of[row.template].skeletons.append(self._keep(_skeleton(row)))

    def given(self, db: Connection, ids: Collection[str]) -> dict[str, Skeleton]:
        """Skeletons by their ids."""
        for row in fetch(db, _BY_ID, [one for one in ids if one not in self._by_id]):
            self._keep(_skeleton(row))
        return {one: self._by_id[one] for one in ids}

    def laid_out(self, texts: Sequence[SentText]) -> list[LaidOut]:
        """The shape in which these mails are kept."""
        laid = [self._laid_out(text) for text in texts]
        for number, text in enumerate(texts):
            if laid[number].skeleton is None and self._of[text.template].skeletons:  # perhaps there is one since
                laid[number] = self._laid_out(text)
        return laid

    def used(self, laid: Sequence[LaidOut]) -> list[Skeleton]:
        """The skeletons that these mails need."""
        return [self._by_id[one] for one in sorted({mail.skeleton for mail in laid if mail.skeleton is not None})]

    def _laid_out(self, text: SentText) -> LaidOut:
        known = self._of[text.template]
        for place, one in enumerate(known.skeletons[:MOST]):
            if row := _fitted(text, one, by_line=False):
                if place:
                    known.skeletons.insert(0, known.skeletons.pop(place))
                return row
        if len(text.html) + len(text.text) <= LONG:
            self._learn(text, known)
        rough = _fitted(text, known.skeletons[0], by_line=True) if known.skeletons else None
        return rough or LaidOut(text.touch, text.subject, text.html, text.text, None, text.again)

    def _learn(self, text: SentText, known: _Known) -> None:
        """Look for what mails to different people share that fit no skeleton. The longer ago one was found, the further
        apart are those that are compared: neighbors may be alike by chance."""
        known.fitting_none += 1
        if known.fitting_none % (known.enough // ENOUGH):
            return
        known.seen.pop(text.to, None)
        known.seen[text.to] = text
        if len(known.seen) > ENOUGH:
            del known.seen[next(iter(known.seen))]
        if len(known.seen) < ENOUGH or known.fitting_none < known.enough:
            return
        html = skeleton_of([one.html for one in known.seen.values()])
        plain = skeleton_of([one.text for one in known.seen.values()])
        known.seen.clear()
        known.fitting_none, known.enough = 0, 2 * known.enough
        if WORTH * sum(map(len, html + plain)) > len(text.html) + len(text.text):
            number = sha256(f"{text.template}\n{_json(html)}\n{_json(plain)}".encode()).hexdigest()[:32]
            known.skeletons.insert(0, self._keep(Skeleton(number, text.template, html, plain)))

    def _keep(self, one: Skeleton) -> Skeleton:
        self._by_id[one.id] = one
        return one


def _fitted(text: SentText, one: Skeleton, *, by_line: bool) -> LaidOut | None:
    """A mail by a skeleton; None where that is not worth it."""
    html = _json(blanks_of(text.html, one.html, by_line=by_line))
    plain = _json(blanks_of(text.text, one.text, by_line=by_line))
    if WORTH * (len(html) + len(plain)) > len(text.html) + len(text.text):
        return None
    return LaidOut(text.touch, text.subject, html, plain, one.id, text.again)


def laid_out(db: Connection, known: Skeletons, texts: Sequence[SentText]) -> list[LaidOut]:
    """The shape in which mails are kept."""
    known.read(db, {one.template for one in texts})
    return known.laid_out(texts)


def save(db: Connection, known: Skeletons, laid: Sequence[LaidOut]) -> None:
    """Keep mails as sent; one that is tried again replaces what was never taken."""
    if again := [one.touch for one in laid if one.again]:
        db.execute(_FORGET, {"ids": again})
    if used := known.used(laid):
        # In the same transaction as what needs them, each time: one that was not committed, or is not in the backup
        # that was restored meanwhile, is there all the same.
        db.execute(insert(db, skeletons).on_conflict_do_nothing(), [_stored(one) for one in used])
    load(db, touch_texts, dict(zip(_COLUMNS, list(zip(*laid, strict=True))[: len(_COLUMNS)], strict=True)))


def as_sent(db: Connection, known: Skeletons, ids: Collection[str]) -> dict[str, tuple[str, str, str]]:
    """Subject, html and text as sent, by touch."""
    rows = list(fetch(db, _AS_SENT, ids))
    needed = known.given(db, {row.skeleton_id for row in rows if row.skeleton_id is not None})
    return {row.touch_id: (row.subject, *_bodies(row.html, row.text, needed.get(row.skeleton_id))) for row in rows}


def _bodies(html: str, text: str, skeleton: Skeleton | None) -> tuple[str, str]:
    if skeleton is None:
        return html, text
    return whole(skeleton.html, json.loads(html)), whole(skeleton.text, json.loads(text))


def _skeleton(row: Row[Any]) -> Skeleton:
    return Skeleton(row.id, row.template, tuple(json.loads(row.html)), tuple(json.loads(row.text)))


def _stored(one: Skeleton) -> dict[str, str]:
    return {"id": one.id, "template": one.template, "html": _json(one.html), "text": _json(one.text)}


_json: Final[Callable[[Sequence[Any]], str]] = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
