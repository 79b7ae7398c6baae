"""What Jinja says about a text that it cannot read, in the words of those who write e-mails."""

from __future__ import annotations

import re
from typing import Final

_QUOTES: Final = "\u2018\u2019\u201a\u201c\u201d\u201e"
_CURLY: Final = re.compile(rf"unexpected char '([{_QUOTES}])'")
_UNKNOWN_TAG: Final = re.compile(r"Encountered unknown tag '(\w+)'")
_INNERMOST: Final = re.compile(r"innermost block that needs to be closed is '(\w+)'")
_GOT: Final = re.compile(r"expected token '[^']*', got '(.*)'")


def in_words(message: str) -> str:
    """One clause; what is not known is said as Jinja says it."""
    if found := _CURLY.match(message):
        return f"{found[1]} is not understood: texts stand between straight quotes, 'text'"
    if message in {"unexpected '}'", "unexpected '%'"}:
        return f"{message}: a value is written {{{{ name }}}}, with two braces, and a tag {{% if name %}}"
    if message == "Missing end of comment tag":
        return "a comment begins here and never ends: close it with #}"
    tag, open_ = _UNKNOWN_TAG.match(message), _INNERMOST.search(message)
    if open_ is not None:
        what = f"{{% {tag[1]} %}} stands here" if tag else "the file ends here"
        return f"{what}, and {{% {open_[1]} %}} above is not closed: {{% end{open_[1]} %}} is missing"
    if tag is not None:
        return f"{{% {tag[1]} %}} is no tag that is known, or closes nothing"
    if got := _GOT.fullmatch(message):
        hint = {
            "=": "write == to compare",
            "|": "write or",
            ":": "text, such as an address, stands in quotes",
            "name": "a name has no blank, and text stands in quotes",
            "string": "a comma, an operator or a quote is missing before the text",
        }.get(got[1])
        what = "another word" if got[1] == "name" else "a text" if got[1] == "string" else repr(got[1])
        return f"{what} is not expected here" + (f": {hint}" if hint else "")
    return message
