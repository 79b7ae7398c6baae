"""Long-term lead nurture: few leads, each one worth the call."""

__version__ = "0.1.0"
