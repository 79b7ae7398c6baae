"""From past outcomes to proposed points: the table, what makes it trustworthy, and how well it orders leads."""
