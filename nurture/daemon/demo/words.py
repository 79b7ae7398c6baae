"""What the people of the demo write and say."""

from __future__ import annotations

from typing import Final

# Intent -> what people write. The dates in them are what makes a promise.
REPLIES: Final[dict[str, tuple[str, ...]]] = {
    "interested": (
        "This is timely: our controls are old. Could you tell me more about the payback for a site like ours?",
        "Very interesting. We have a project for this, and I would like to learn more.",
    ),
    "question": (
        "Does this work with controls that are about eight years old?",
        "How long does such an audit take, and how many of our people does it need?",
        "How do you measure the savings afterwards? Our controller will ask.",
    ),
    "request": (
        "Could somebody call me about a quote? We want to decide soon.",
        "Please send me a quote for two sites, and give me a call.",
    ),
    "not_now": (
        "Not this year, our budget is fixed. Please get back to me in {month}.",
        "Bad timing, we are in the middle of a move. Ask me again in {month}.",
    ),
    "refusal": ("We are not interested, thank you.", "No thanks. We have just signed with somebody else."),
    "other": ("Thanks for the note.",),
}
AWAY: Final = (
    "Thank you for your message. I am out of the office and will be back on {day}. For urgent matters please call the "
    "front desk."
)
NOTES: Final[dict[str, tuple[str, ...]]] = {
    "connected": ("Good talk.", "Friendly, had ten minutes.", "Knows our notes, reads some of them."),
    "voicemail": ("Left the short message.",),
    "not_interested": ("Said no, politely.",),
    "left_company": ("The front desk says they left.",),
    "wrong_person": ("Not their topic.",),
    "callback": ("In a meeting, asked for a call.",),
    "replied": ("Answered the same day.",),
}
PAINS: Final = (
    "Night load is as high as the day's, and nobody knows why.",
    "Compressors run all weekend.",
    "Demand charges went up by a third in two years.",
    "Operators override the schedule, and it stays overridden.",
    "The old control system gets no spare parts any more.",
    "Complaints about hot rooms every summer.",
)
PEOPLE: Final = (
    "{first} {last} ({title}) wants it; the CFO signs above 50,000; IT has to agree.",
    "{first} {last} ({title}) prepares it, the site director decides, purchasing asks for three offers.",
    "The managing director decides alone; {first} {last} ({title}) does the homework.",
)
BUDGETS: Final = (
    "About {amount} {currency}, in this year's maintenance plan.",
    "{amount} {currency} asked for, half of it approved.",
    "Around {amount} {currency}; a rebate would cover a part.",
)
BUDGET_PROCESS: Final = (
    "Drafts in summer, approved by the board in November.",
    "Above 25,000 it needs a one-page case and the plant's signature.",
)
DRIVERS: Final = (
    "Corporate target: 20 % less energy by 2030.",
    "A new line doubles the cooling load.",
    "Energy price.",
)
COMPETITORS: Final = ("An offer from their controls vendor is on the table.", "Two local contractors were asked.")
SOLUTIONS: Final = ("Time clocks and manual overrides.", "A management system from 2009, out of support.")
EVENTS: Final = ("New building next year.", "The lease of the second site ends in spring.")
NEXT_STEPS: Final = ("A visit of one site.", "A call with their controller.")
NOTHING_PLANNED: Final = ("Nothing planned at the moment.", "They renewed the contract last year.")
