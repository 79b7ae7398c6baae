"""Long-term lead nurture: few leads, each one worth the call."""
