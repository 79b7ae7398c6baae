"""What is taken for what: the confusion table over labelled mails, our own and the corpora that lie beside."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from nurture.adapters.mail.inbound import EmailReader
from nurture.domain.classify import Judged, judge
from nurture.domain.response import Bounce, Kind
from tests.mail.labelled import samples
from tests.mail.test_inbound import HARD, NOT_HARD, TODAY, corpus

LABELS = ("human", "unclear", "away", "left", "automatic", "hard", "not_hard")
TAKEN_FOR = ("human", "person looks", "away", "left", "automatic", "hard", "not_hard", "nothing")
MACHINES = {"away", "left", "automatic", "hard", "not_hard", "nothing"}


def labelled() -> Iterator[tuple[str, bytes]]:
    """Our own samples, the people of the corpora, and those of their reports that were labelled by hand."""
    yield from samples()
    for _, raw in corpus("replies"):
        yield "human", raw
    for path, raw in corpus("bounces"):
        if path.stem in HARD or path.stem in NOT_HARD:
            yield "hard" if path.stem in HARD else "not_hard", raw


def taken_for(verdict: Judged) -> str:
    """The class of a verdict."""
    if verdict.kind is Kind.BOUNCE:
        return "hard" if verdict.bounce is Bounce.HARD else "not_hard"
    if verdict.kind is Kind.AUTO_REPLY:
        return "left" if verdict.left else "away" if verdict.away else "automatic"
    if verdict.kind is None or verdict.kind in (Kind.DELIVERED, Kind.OPEN, Kind.COMPLAINT):
        return "nothing" if verdict.kind is not Kind.COMPLAINT else "not_hard"
    return "person looks" if verdict.review is not None else "human"


@pytest.fixture(scope="module")
def table() -> Counter[tuple[str, str]]:
    reader = EmailReader()
    found = Counter((label, taken_for(judge(reader.read(raw), TODAY))) for label, raw in labelled())
    head = " " * 12 + "".join(f"{name:>14}" for name in TAKEN_FOR)
    rows = [f"{label:12}" + "".join(f"{found[label, name] or '':>14}" for name in TAKEN_FOR) for label in LABELS]
    sys.stdout.write("\n".join(["", head, *rows, ""]))  # seen with -s, and when a test fails
    return found


def share(table: Counter[tuple[str, str]], what: str) -> tuple[float, float]:
    """Precision and recall of a class."""
    right = table[what, what]
    taken = sum(count for (_, name), count in table.items() if name == what)
    there = sum(count for (label, _), count in table.items() if label == what)
    return right / taken, right / there


def test_no_answer_of_a_person_is_lost(table: Counter[tuple[str, str]]) -> None:
    people = ("human", "unclear")
    lost = {(label, name) for label in people for name in MACHINES if table[label, name]}
    assert lost == set()
    read = table["human", "human"] + table["human", "person looks"]
    assert table["human", "human"] >= 0.95 * read


def test_out_of_office_is_known_and_nothing_else_is_taken_for_it(table: Counter[tuple[str, str]]) -> None:
    precision, recall = share(table, "away")
    assert precision >= 0.95
    assert recall >= 0.95


def test_a_hard_bounce_is_one(table: Counter[tuple[str, str]]) -> None:
    precision, recall = share(table, "hard")
    assert precision >= 0.98
    assert recall >= 0.8


def test_whoever_left_is_found(table: Counter[tuple[str, str]]) -> None:
    assert share(table, "left") == (1, 1)
