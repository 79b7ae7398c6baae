"""Addresses and phone numbers in one form, so that the same person is found again whatever was typed."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

MAX_ADDRESS: Final = 254  # characters of a mailbox, RFC 5321 with its erratum 1690
MAX_LOCAL: Final = 64
MAX_DOMAIN: Final = 253
MAX_LABEL: Final = 63

# The usual address, already in its form: nothing below has to look at it.
_PLAIN: Final = re.compile(
    r"[a-z0-9_'+&/=~^{}!#$%*?|`-]+(?:\.[a-z0-9_'+&/=~^{}!#$%*?|`-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ATOM: Final = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+")
# Pasted along and never seen: zero-width spaces, soft hyphens, direction marks.
_INVISIBLE: Final = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


def normalise_email(text: str) -> str:
    """The address in the one form by which leads, suppressions and replies are matched.

    Spaces around it, `Name <a@b>`, `mailto:` and pasted invisible characters go. Both sides are lower-cased: RFC 5321
    allows a host to tell `Bob@` from `bob@`, no real one does, and a person must not be two leads. A domain outside
    ASCII takes the form in which it is resolved (`xn--...`), the local part Unicode form C. Dots and +tags stay: they
    are the person's own choice, and only some hosts ignore them.

    Raises ValueError with the reason, in words for the person who wrote it.
    """
    if len(text) <= MAX_ADDRESS and _PLAIN.fullmatch(text) and "--" not in text and text.index("@") <= MAX_LOCAL:
        return text
    address = _bare(text)
    local, at, domain = address.partition("@")
    if not at:
        raise ValueError("no @ in it")
    if "@" in domain:
        raise ValueError("two @ in it: give one address")
    return f"{_local_part(local)}@{_length_checked(normalise_domain(domain), len(local.encode()))}"


def _bare(text: str) -> str:
    """The address alone, out of what is written around it."""
    if len(text) > 2000:
        raise ValueError("too long to be an address")
    bare = _INVISIBLE.sub("", text).strip().rstrip(".,;").rstrip()
    if not bare:
        raise ValueError("empty")
    if bare.endswith(">") and "<" in bare:
        name, _, bare = bare[:-1].rpartition("<")
        if ">" in name:
            raise ValueError("two addresses in it: give one")
        bare = bare.strip()
    if bare[:7].casefold() == "mailto:":
        bare = bare[7:].partition("?")[0].strip()
    if any(unicodedata.category(character)[0] == "C" for character in bare):
        raise ValueError("a control character in it")
    return bare


def _local_part(local: str) -> str:
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    if not local:
        raise ValueError("nothing before the @")
    if any(character.isspace() for character in local):
        raise ValueError("a space before the @: give one address, without a comment")
    if not _ATOM.fullmatch(local):
        wrong = next(character for character in local if not _ATOM.fullmatch(character))
        raise ValueError(f"{wrong!r} before the @ is not used in addresses")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise ValueError("a dot before the @ must stand between two characters")
    if len(local.encode()) > MAX_LOCAL:
        raise ValueError(f"more than {MAX_LOCAL} characters before the @")
    return local


def _length_checked(domain: str, local: int) -> str:
    if "." not in domain:
        raise ValueError(f"the domain {domain!r} has no dot")
    if local + 1 + len(domain) > MAX_ADDRESS:
        raise ValueError(f"longer than {MAX_ADDRESS} characters")
    return domain


def normalise_domain(text: str) -> str:
    """A host name in lower case, labels outside ASCII as `xn--...`, no dot at the end. Raises ValueError.

    Not the codec `idna` of the standard library: it is of 2003, writes `straße` as `strasse`, and so sends mail to
    strangers.
    """
    domain = text.strip()
    if not domain.isascii():
        domain = re.sub("[\u3002\uff0e\uff61]", ".", domain)
    domain = domain.lower().rstrip(".")
    if not domain:
        raise ValueError("no domain")
    if any(character.isspace() for character in domain):
        raise ValueError("a space in the domain")
    if domain.startswith("["):
        raise ValueError("a number in brackets in place of a domain")
    labels = [_ascii_label(label) for label in domain.split(".")]
    domain = ".".join(labels)
    if len(domain) > MAX_DOMAIN:
        raise ValueError(f"the domain is longer than {MAX_DOMAIN} characters")
    if labels[-1].isdigit():
        raise ValueError(f"the domain cannot end in a number ({labels[-1]})")
    return domain


def _ascii_label(label: str) -> str:
    shown = label
    if label.startswith("xn--"):
        # Both forms of one name must meet, also when somebody typed capitals into the encoded one.
        try:
            label = label[4:].encode().decode("punycode")
        except UnicodeError as error:
            raise ValueError(f"{shown!r} in the domain is not a valid encoded name") from error
    if not label.isascii():
        label = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).lower())
    if not label.isascii():
        if not all(_in_a_name(character) for character in label) or label[0] == "-" or label[-1] == "-":
            raise ValueError(f"{shown!r} in the domain has a character that names cannot have")
        label = "xn--" + label.encode("punycode").decode()
    if not label:
        raise ValueError("two dots in a row in the domain, or one at its beginning")
    if len(label) > MAX_LABEL:
        raise ValueError(f"a part of the domain is longer than {MAX_LABEL} characters")
    if not _LABEL.fullmatch(label):
        raise ValueError(f"{shown!r} cannot be part of a domain")
    return label


def _in_a_name(character: str) -> bool:
    return character == "-" or unicodedata.category(character) in {"Ll", "Lo", "Lm", "Mn", "Mc", "Nd"}


def domain_of(email: str) -> str:
    """What stands after the @ of a normalised address."""
    return email.rpartition("@")[2]


@lru_cache(maxsize=100_000)
def is_freemail(domain: str) -> bool:
    """Whether anybody can have an address there, so that it says nothing about an employer."""
    return domain in _FREEMAIL or _FREEMAIL_FAMILY.fullmatch(domain) is not None


def company_domain(email: str) -> str | None:
    """The employer's domain; None for an address at a freemail or internet provider."""
    domain = domain_of(email)
    return None if is_freemail(domain) else domain


_FREEMAIL_FAMILY: Final = re.compile(
    r"(?:yahoo|hotmail|outlook|gmx)\.(?:com|net|org|[a-z]{2}|com?\.[a-z]{2}|com\.[a-z]{2})"
)
_FREEMAIL_DOMAINS: Final = """
    gmail.com googlemail.com live.com live.co.uk live.de live.fr live.nl live.it live.be live.se live.no live.dk live.ca
    live.com.au live.com.mx msn.com windowslive.com passport.com ymail.com rocketmail.com myyahoo.com
    icloud.com me.com mac.com aol.com aol.de aol.fr aol.co.uk aim.com proton.me protonmail.com protonmail.ch pm.me
    tutanota.com tutanota.de tuta.io tuta.com fastmail.com fastmail.fm hey.com hushmail.com mail.com email.com usa.com
    zoho.com zohomail.com zohomail.eu inbox.com mailbox.org posteo.de posteo.net disroot.org riseup.net web.de
    freenet.de t-online.de arcor.de email.de online.de mail.de vodafone.de vodafonemail.de kabelmail.de ok.de bluewin.ch
    hispeed.ch sunrise.ch aon.at chello.at orange.fr wanadoo.fr free.fr laposte.net sfr.fr neuf.fr bbox.fr libero.it
    virgilio.it tiscali.it alice.it tin.it telefonica.net terra.es ziggo.nl kpnmail.nl planet.nl xs4all.nl home.nl
    hetnet.nl telenet.be skynet.be btinternet.com virginmedia.com sky.com talktalk.net ntlworld.com blueyonder.co.uk
    comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net earthlink.net optonline.net juno.com
    netzero.net rogers.com shaw.ca telus.net sympatico.ca bigpond.com bigpond.net.au optusnet.com.au xtra.co.nz mail.ru
    bk.ru list.ru inbox.ru yandex.ru yandex.com ya.ru rambler.ru ukr.net i.ua qq.com foxmail.com 163.com 126.com
    yeah.net sina.com sina.cn sohu.com aliyun.com naver.com hanmail.net daum.net nate.com docomo.ne.jp ezweb.ne.jp
    softbank.ne.jp i.softbank.jp nifty.com rediffmail.com uol.com.br bol.com.br terra.com.br ig.com.br globo.com wp.pl
    o2.pl onet.pl interia.pl op.pl seznam.cz email.cz centrum.cz post.cz azet.sk freemail.hu citromail.hu abv.bg mail.bg
    telia.com online.no walla.com walla.co.il
"""
_FREEMAIL: Final = frozenset(_FREEMAIL_DOMAINS.split())

_EXTENSION: Final = re.compile(
    r"\s*(?:;\s*ext=|,?\s*(?:ext(?:ension)?|durchwahl|poste|x)\b\.?:?\s*|#)\s*(\d{1,7})\s*$", re.IGNORECASE
)


# The usual number, already in its form.
_PLAIN_NUMBER: Final = re.compile(r"\+[1-9][0-9]{2,14}")


def normalise_phone(text: str) -> str:
    """Digits in one form: `+14155550123` where the country is part of it, else the digits as written; `;ext=12` stays.

    Which country a national number belongs to is not judged here. Raises ValueError with the reason.
    """
    if _PLAIN_NUMBER.fullmatch(text):
        return text
    number = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).strip()
    if number[:4].casefold() == "tel:":
        number = number[4:]
    extension = ""
    if found := _EXTENSION.search(number):
        number, extension = number[: found.start()], f";ext={found[1]}"
    if wrong := re.search(r"[^\d\s+()./\u2010-\u2015-]", number):
        raise ValueError(f"{wrong[0]!r} is not part of a phone number")
    if "+" in number.lstrip(" (")[1:]:
        raise ValueError("a + in the middle: give one number")
    abroad = number.lstrip(" (").startswith(("+", "00"))
    # In +44 (0)20 the bracketed zero is dialed only inside the country.
    digits = re.sub(r"\D", "", re.sub(r"\(0\)", "", number) if abroad else number)
    if abroad:
        digits = digits.lstrip("0")
    if not 3 <= len(digits) <= 15:
        raise ValueError(f"{len(digits)} digits: a phone number has 3 to 15")
    return f"{'+' if abroad else ''}{digits}{extension}"
