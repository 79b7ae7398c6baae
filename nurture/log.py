"""Event name plus fields -> one line, text or JSON. Fields are ids and numbers, never a person, a body or a secret."""

from __future__ import annotations

import logging
import sys
from typing import Any


def set_up(*, as_json: bool) -> None:
    """Write log lines to stderr; libraries log warnings only, and the mail client's own debug lines never."""
    import structlog

    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("python_http_client").setLevel(logging.ERROR)  # its debug lines hold the API key


class _Named:
    """A logger that reads its library when it first says something: that takes a fifth of a short command."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __getattr__(self, level: str) -> Any:
        import structlog

        return getattr(structlog.get_logger(part=self._part), level)


def get(name: str) -> Any:
    """A logger; its first argument is a fixed event name that can be counted."""
    return _Named(name)
