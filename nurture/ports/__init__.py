"""What the flow needs from the outside world, as Protocols; the adapters implement them."""

from nurture.ports.rules import InForce, RenderedEmail, Templates
from nurture.ports.store import Store, Unit
from nurture.ports.world import Clock, Links, Mailer

__all__ = ["Clock", "InForce", "Links", "Mailer", "RenderedEmail", "Store", "Templates", "Unit"]
