"""The JSON API: leads, responses, enrollments, tasks and handoffs, with the keys of the command line."""

from __future__ import annotations

from typing import Final

from nurture.web.api import enrollments, handoffs, leads, responses, tasks

AREAS: Final = (leads, responses, enrollments, tasks, handoffs)
