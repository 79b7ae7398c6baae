"""The outside world, behind ports; the only code that knows a vendor."""
