"""Due enrollments -> touches sent, waiting, skipped or in doubt: one arrow from claim to recorded result."""
