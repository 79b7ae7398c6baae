"""A row, a form or an API call -> a lead, never a duplicate. Identity is the address, or the external id.

What a file says fills blanks and replaces what another file said, never what a person recorded.
"""

from nurture.flow.intake.take import Begun, Intake, begun, take
from nurture.flow.intake.undo import Undone, undo

__all__ = ["Begun", "Intake", "Undone", "begun", "take", "undo"]
