"""Each mail says where its sender is and how to stop, whatever the template does for the lead at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from nurture.domain.touch import Reason
from tests.builders import a_lead
from tests.flow.loop import HTML, TEXT, a_loop

WHOLE = HTML.format(name="hello")
LINK, ADDRESS = "{{ unsubscribe_url }}", "{{ postal_address }}"


@pytest.mark.parametrize("part", ["html", "txt"])
@pytest.mark.parametrize(("piece", "missing"), [(LINK, "unsubscribe link"), (ADDRESS, "postal address")])
def test_a_mail_whose_footer_is_hidden_from_somebody_does_not_go(
    tmp_path: Path, part: str, piece: str, missing: str
) -> None:
    hidden = "{% if first_name == 'Ada' %}" + piece + "{% endif %}"
    texts = {"html": WHOLE, "txt": TEXT}
    texts[part] = texts[part].replace(piece, hidden)
    files = {f"templates/course/hello.{ending}": text for ending, text in texts.items()}
    with a_loop(tmp_path, "- email: hello", files=files) as loop:
        ada, bob = a_lead(loop.store), a_lead(loop.store, first_name="Bob")
        loop.enroll(ada, bob)
        loop.tick()
        (refused,) = loop.touches(bob)
        assert (loop.states(ada), refused.reason) == (["hello sent"], Reason.RENDER)
        assert missing in refused.because


def test_an_address_that_is_spread_over_lines_and_tags_is_one(tmp_path: Path) -> None:
    spread = WHOLE.replace(ADDRESS, "<b>Acme</b>,<br>\n1&nbsp;Road")
    files = {"templates/course/hello.html": spread, "templates/course/hello.txt": TEXT.replace(ADDRESS, "Acme\n1 Road")}
    with a_loop(tmp_path, "- email: hello", files=files) as loop:
        loop.enroll(a_lead(loop.store))
        loop.tick()
        assert loop.states() == ["hello sent"]
