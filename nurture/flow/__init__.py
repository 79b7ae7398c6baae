"""The arrows, in order; each loads, asks the domain, saves. No transaction spans a network call."""
