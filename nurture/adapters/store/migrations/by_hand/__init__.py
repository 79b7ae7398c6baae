"""What a step of the schema does to rows, written by hand: `step_NNNN.py` with `upgrade(db)`, run last in its step."""
