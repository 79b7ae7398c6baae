"""Files against what is in force: what `apply` would change, and apply. Broken files never take effect."""

from nurture.flow.plan.applying import Moved, apply
from nurture.flow.plan.changes import Difference, Plan, plan
from nurture.flow.plan.failing import Failure
from nurture.flow.plan.upcoming import Upcoming, upcoming

__all__ = ["Difference", "Failure", "Moved", "Plan", "Upcoming", "apply", "plan", "upcoming"]
