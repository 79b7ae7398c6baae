"""Files about leads as others give them: CSV to rows, past outcomes and deals."""
