"""A brief for the people of sales: as a page, as an e-mail, as plain text. All take the JSON of `handoff brief`."""

from nurture.adapters.salesdesk.mail import BriefMail, brief_mail
from nurture.adapters.salesdesk.page import article, page
from nurture.adapters.salesdesk.text import plain_text

__all__ = ["BriefMail", "article", "brief_mail", "page", "plain_text"]
