"""What the flow needs from the outside world, as Protocols; the adapters implement them."""

from nurture.ports.rules import Files, InForce, RenderedEmail, Rules, Templates
from nurture.ports.store import Store, Unit
from nurture.ports.world import Clock, Links, Mailer

__all__ = ["Clock", "Files", "InForce", "Links", "Mailer", "RenderedEmail", "Rules", "Store", "Templates", "Unit"]
