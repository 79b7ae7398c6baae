"""Phone numbers as the numbering plans of the countries know them."""

from __future__ import annotations

import phonenumbers

from nurture.domain.address import normalise_phone


def international_phone(text: str, country: str | None) -> str:
    """The number as `+14155550123`, with `;ext=12` where given; without a known country the digits as written.

    A number that the country's plan does not have stays as written too: a person may still know what to make of it.
    Raises ValueError for what is no number.
    """
    number = normalise_phone(text)
    if number.startswith("+") or country is None:
        return number
    digits, _, extension = number.partition(";ext=")
    try:
        parsed = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return number
    if not phonenumbers.is_valid_number(parsed):
        return number
    whole = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return f"{whole};ext={extension}" if extension else whole
