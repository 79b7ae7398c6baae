"""Programs that measure, run by hand: ratios within one run, never a bare figure."""
