"""What mails share and what stands in the blanks of each."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from nurture.domain.skeleton import SHORT, blanks_of, skeleton_of, whole

LINE = "<td style='color: red'>You can estimate your own without any instrument</td>"
_line = st.sampled_from([LINE, f"{LINE} and more", "short", "", "Hello <b>you</b>", "a" * SHORT, "a" * (SHORT + 3)])
_text = st.lists(_line, max_size=8).map("\n".join)
_odd = st.text(alphabet='a<>" \n')
_texts = st.one_of(
    st.lists(_text, min_size=2, max_size=5), st.lists(st.text(alphabet='a<>" \n'), min_size=2, max_size=5)
)


@given(_texts, _text)
@example(["a" * 30, "a" * 40], "a" * 35)
def test_a_text_is_its_skeleton_and_its_blanks_whatever_it_is(texts: list[str], other: str) -> None:
    pieces = skeleton_of(texts)
    for text in (*texts, other):
        assert whole(pieces, blanks_of(text, pieces)) == text
    for one, following in pairwise(pieces):  # in this order in all of them
        assert all(text.find(one) <= text.rfind(following) for text in texts)


def test_only_what_differs_stands_in_the_blanks() -> None:
    mails = [
        f"<h1>A title for everybody who reads this</h1>\n<p>Hello {name},</p>\n{LINE}\n"
        f'<p><a href="https://x.example/{name * 3}" style="a long style, the same for all">This is a link</a></p>\n'
        for name in ("Ada", "Bo", "Cem")
    ]
    pieces = skeleton_of(mails)
    assert blanks_of(mails[1], pieces) == ["", "Bo", "BoBoBo", ""]


def test_what_one_of_the_texts_does_not_say_is_in_no_piece() -> None:
    shared = "x" * 50
    pieces = skeleton_of([f"{shared}\nher name is Ada Lovelace, and she lives here\n{shared}", f"{shared}\n{shared}"])
    assert "".join(pieces).replace("\n", "") == 2 * shared


def test_where_nothing_is_shared_all_is_blank() -> None:
    assert skeleton_of(["", "a"]) == ()
    assert whole((), blanks_of("all of it", ())) == "all of it"
