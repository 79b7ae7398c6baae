"""The same person is found again whatever was typed: addresses and phone numbers in one form."""

from __future__ import annotations

import idna
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from nurture.adapters.addresses import international_phone
from nurture.domain.address import (
    company_domain,
    domain_of,
    is_freemail,
    normalise_domain,
    normalise_email,
    normalise_phone,
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ann@acme.example", "ann@acme.example"),
        ("  Ann.Lee+News@ACME.Example ", "ann.lee+news@acme.example"),
        ("Ann Lee <Ann@acme.example>", "ann@acme.example"),
        ('"ann@other.example" <ann@acme.example>', "ann@acme.example"),
        ("mailto:ann@acme.example?subject=Hi", "ann@acme.example"),
        ("\ufeffann@acme.example\u200b", "ann@acme.example"),
        ("ann@acme.example;", "ann@acme.example"),
        ("ann@acme.example.", "ann@acme.example"),
        ("o'neil@acme.example", "o'neil@acme.example"),
        ("ann@M\u00dcLLER.example", "ann@xn--mller-kva.example"),
        ("ann@mu\u0308ller.example", "ann@xn--mller-kva.example"),
        ("ann@XN--MLLER-KVA.example", "ann@xn--mller-kva.example"),
        ("ann@stra\u00dfe.example", "ann@xn--strae-oqa.example"),
        ("J\u00dcRGEN@acme.example", "j\u00fcrgen@acme.example"),
    ],
)
def test_an_address_has_one_form_however_it_is_typed(typed: str, kept: str) -> None:
    assert normalise_email(typed) == kept
    assert normalise_email(kept) == kept


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "empty"),
        ("fcb67ef339b691956cc85fa12be6490c", "no @"),
        ("ann@acme.example; bob@acme.example", "two @"),
        ("Ann <ann@acme.example>; Bob <bob@acme.example>", "two addresses"),
        ("@acme.example", "nothing before the @"),
        ("ann lee@acme.example", "a space before the @"),
        ("ann@", "no domain"),
        ("ann@localhost", "has no dot"),
        ("ann@acme..example", "two dots"),
        ("ann@-acme.example", "cannot be part of a domain"),
        ("ann@acme_x.example", "cannot be part of a domain"),
        ("ann@10.0.0.1", "cannot end in a number"),
        ("ann@[10.0.0.1]", "in brackets"),
        (".ann@acme.example", "a dot before the @"),
        ("ann(at)acme@acme.example", "'(' before the @"),
        ("ann\r\nBcc: x@acme.example", "control character"),
        ("a" * 65 + "@acme.example", "more than 64"),
        ("ann@" + "a" * 64 + ".example", "longer than 63"),
        ("ann@" + "a." * 126 + "example", "longer than 25"),
        ("ann@xn--a.example", "character that names cannot have"),
        ("a" * 5000, "too long"),
    ],
)
def test_what_is_no_address_is_refused_with_its_reason(typed: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        normalise_email(typed)
    assert reason in str(caught.value)


@given(st.text(st.sampled_from("abzAZ019.-_+@ <>'\u00fc\u00df\u0308\u4f8b\u200b\"(,;"), max_size=30))
def test_the_form_of_an_address_is_stable(typed: str) -> None:
    try:
        kept = normalise_email(typed)
    except ValueError:
        return
    assert normalise_email(kept) == kept
    assert kept == kept.lower()
    assert domain_of(kept).isascii()


@given(st.emails())
def test_an_address_that_a_strict_library_accepts_is_the_same_here(typed: str) -> None:
    try:
        strict = validate_email(typed, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return
    assert strict.ascii_email is not None
    assert normalise_email(typed) == strict.ascii_email.lower()


@pytest.mark.parametrize(
    "name",
    [
        "b\u00fccher.example",
        "fa\u00df.example",
        "\u4f8b\u3048.jp",
        "\u0440\u0444.\u0440\u0444",
        "\u0645\u062b\u0627\u0644.example",
    ],
)
def test_a_domain_outside_ascii_is_encoded_as_resolvers_do(name: str) -> None:
    assert normalise_domain(name) == idna.encode(name, uts46=True).decode()


@pytest.mark.parametrize(
    "domain", ["gmail.com", "googlemail.com", "yahoo.co.uk", "hotmail.fr", "gmx.at", "web.de", "qq.com"]
)
def test_a_freemail_domain_is_no_company(domain: str) -> None:
    assert is_freemail(domain)
    assert company_domain(f"ann@{domain}") is None


@pytest.mark.parametrize(
    "domain", ["acme.example", "yahoo-inc.com", "notgmail.com", "mail.acme.example", "gmx-acme.de"]
)
def test_other_domains_are_those_of_a_company(domain: str) -> None:
    assert company_domain(f"ann@{domain}") == domain


def test_the_dots_of_a_gmail_address_are_the_persons_own() -> None:
    assert normalise_email("a.n.n@gmail.com") != normalise_email("ann@gmail.com")


@pytest.mark.parametrize(
    ("typed", "country", "kept"),
    [
        ("+1 (415) 555-2671", None, "+14155552671"),
        ("0044 20 7946 0958", None, "+442079460958"),
        ("+44 (0)20 7946 0958", None, "+442079460958"),
        ("tel:+1-415-555-2671;ext=12", None, "+14155552671;ext=12"),
        ("415.555.2671 ext. 12", "US", "+14155552671;ext=12"),
        ("030 901820", "DE", "+4930901820"),
        ("030 901820", None, "030901820"),
        ("(555) 555-5555", "US", "5555555555"),
    ],
)
def test_a_phone_number_has_one_form_and_keeps_its_extension(typed: str, country: str | None, kept: str) -> None:
    assert international_phone(typed, country) == kept
    assert international_phone(kept, country) == kept


@pytest.mark.parametrize("typed", ["call me", "12", "1234567890123456", "+1 415 555 2671 / +1 415 555 2672", "=1+2"])
def test_what_is_no_phone_number_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        normalise_phone(typed)
