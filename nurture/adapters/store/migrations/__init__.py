"""Numbered steps of the schema; a step only adds in a release, so that old and new daemons run side by side."""
