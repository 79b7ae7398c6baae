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
        assert whole(pieces, blanks_of(text, pieces, by_line=True)) == text
    for one, following in pairwise(pieces):  # in this order in all of them
        assert all(text.find(one) <= text.rfind(following) for text in texts)


def test_only_what_differs_stands_in_the_blanks() -> None:
    mails = [
        f"<h1>A title for everybody who reads this</h1>\n<p>Hello {name},</p>\n{LINE}\n"
        f'<p><a href="https://x.example/{name * 3}" style="a long style, the same for all">This is a link</a></p>\n'
        for name in ("Ada", "Bo", "Cem")
    ]
    pieces = skeleton_of(mails)
    assert blanks_of(mails[1], pieces) == ["", "Bo,<", 'https://x.example/BoBoBo"', ""]


def test_a_piece_is_found_where_it_begins_like_what_stands_before_it() -> None:
    piece = "a" * SHORT + "b"
    assert blanks_of(f"xa{piece}", (piece,)) == ["xa", ""]


def test_a_few_letters_that_words_share_are_no_reason_to_cut_them() -> None:
    pieces = skeleton_of([f"{LINE}\n<p>Hello {name}</p>\n{LINE}\n" for name in ("Anna", "Andy", "Ante")])
    assert not any("Hello An" in piece for piece in pieces)


def test_who_is_unlike_those_whom_it_was_made_of_lacks_a_line_and_not_the_piece() -> None:
    def mail(name: str, company: str) -> str:
        return f"{LINE}\n<p>Hello {name},</p>\n{LINE}\n<p>this is what we thought of for {company}</p>\n{LINE}\n"

    pieces = skeleton_of([mail(name, "Acme") for name in ("Ada", "Bo", "Cem")])
    other = mail("Dan", "Widgets")
    blanks = blanks_of(other, pieces, by_line=True)
    assert whole(pieces, blanks) == other
    assert sum(len(one) for blank in blanks for one in (blank or []) if one is not None) < len(other) - 3 * len(LINE)


def test_what_one_of_the_texts_does_not_say_is_in_no_piece() -> None:
    shared = "x" * 50
    pieces = skeleton_of([f"{shared}\nher name is Ada Lovelace, and she lives here\n{shared}", f"{shared}\n{shared}"])
    assert "".join(pieces).replace("\n", "") == 2 * shared


def test_where_nothing_is_shared_all_is_blank() -> None:
    assert skeleton_of(["", "a"]) == ()
    assert whole((), blanks_of("all of it", ())) == "all of it"
