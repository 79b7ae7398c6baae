"""Random conditions and leads for the tests of the condition language, in Python here and in SQL in the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import strategies as st

from nurture.domain.duration import Duration

TEXTS: Final = (
    *("", "acme", "ACME", "Straße", "STRASSE", "Énergie", "e\u0301nergie", "İzmir"),
    *("vp sales", "Co-Founder, R&D", "a%b_c", "\U0001f600 Ωmega"),
)
CUSTOM: Final = (*TEXTS, "12", "-3.5", "007", "1e3", "12.", ".5", "-", "1.2.3", "no", "FALSE", "true", "0", "1" * 16)
NUMBERS: Final = (0, 1, -1, 3, 20, 20.5, -0.25, 1e9, 1e16)
MOMENTS: Final = tuple(datetime(2026, 1, day, hour, tzinfo=UTC) for day in (1, 2, 3) for hour in (0, 9))

_quoted = st.sampled_from(CUSTOM).map("'{}'".format)
_text = st.sampled_from(["title", "company", "x.a", "x.b"])
_number = st.sampled_from(["employees", "fit", "engagement"])
_constant = st.sampled_from(["0", "1", "3", "20", "20.5", "0.25"])
_order = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
_same = st.sampled_from(["==", "!="])
_in = st.sampled_from(["in", "not in"])
_piece = st.sampled_from(["'A'", "'straße'", "'ÉNERGIE'", "'r'", "'founder'", "'%'", "'b_'", "'ω'"])
_word = st.sampled_from(["'founder'", "'R'", "'énergie'", "'vp'"])
_calculated = st.recursive(
    _number | _constant | st.sampled_from(["x.a", "touches('email', '30 days')", "days_since('reply')"]),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner)
        | st.builds("({} / {})".format, inner, _number | st.sampled_from(["x.b", "3", "(fit - 20)"]))
        | inner.map("-{}".format)
    ),
    max_leaves=3,
)


def _listed(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(of, min_size=1, max_size=3).map(lambda items: f"[{', '.join(items)}]")


_atoms = st.one_of(
    st.builds("{} {} {}".format, _text, _order, _quoted | st.just("title")),
    st.builds("{} {} {}".format, _number, _order, _calculated),
    st.builds("{} {} {}".format, _text, _in, _listed(_quoted)),
    st.builds("{} {} {}".format, _number | st.just("x.a"), _in, _listed(_constant)),
    st.builds("contains({}, {}, {})".format, _text, _piece, _piece),
    st.builds("starts_with({}, {})".format, _text, _piece),
    st.builds("has_word({}, {}, {})".format, _text, _word, _word),
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["budget", "x.a"]),
        _same,
        st.sampled_from(["true", "false", "asked_for_sales"]),
    ),
    st.builds("created_at {} '{}'".format, _order, st.sampled_from(["2026-01-02", "2026-01-02T09:00Z"])),
    st.builds("outcome('intro') {} 'Voicemail'".format, _same),
    st.sampled_from(["budget", "asked_for_sales", "title", "x.a", "true", "clicked('guide')", "outcome('intro')"]),
    st.sampled_from(["x.a == x.b", "x.a < x.b", "x.a != x.b", "(fit > 3) == budget"]),
)
CONDITIONS: Final = st.recursive(
    _atoms,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner) | inner.map("(not {})".format)
    ),
    max_leaves=4,
)


def _maybe(values: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(values)


LEADS: Final = st.fixed_dictionaries(
    {
        **dict.fromkeys(("title", "company"), _maybe(TEXTS)),
        **dict.fromkeys(("x.a", "x.b"), _maybe(CUSTOM)),
        **dict.fromkeys(("fit", "engagement"), _maybe(NUMBERS)),
        "employees": _maybe((0, 1, 3, 20, 10**9)),
        **dict.fromkeys(("budget", "asked_for_sales"), _maybe((True, False))),
        "created_at": _maybe(MOMENTS),
    }
)


@dataclass(frozen=True, slots=True)
class Past:
    """A history that answers every question alike."""

    happened: bool = False
    ended: str | None = None
    count: int = 0
    days: float | None = None

    def clicked(self, template: str) -> bool:
        return self.happened

    def replied(self) -> bool:
        return self.happened

    def sent(self, template: str) -> bool:
        return self.happened

    def visited(self, page: str) -> bool:
        return self.happened

    def outcome(self, step: str) -> str | None:
        return self.ended

    def touches(self, channel: str, within: Duration) -> int:
        return self.count

    def days_since(self, kind: str) -> float | None:
        return self.days

    def colleagues(self, stage: str) -> int:
        return self.count


PASTS: Final = st.builds(
    Past, st.booleans(), _maybe(("voicemail", "connected", "")), st.sampled_from((0, 3, 20)), _maybe((0.5, 3.0))
)
