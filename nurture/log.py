"""Event name plus fields -> one line, text or JSON. Fields are ids and numbers, never a person, a body or a secret."""

from __future__ import annotations

import logging
import sys
from typing import Any


def set_up(*, as_json: bool) -> None:
    """Write log lines to stderr, those of libraries in the same form: of these warnings only, and no secrets."""
    import structlog

    stamped: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
    )
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *stamped, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    theirs = logging.StreamHandler(sys.stderr)
    theirs.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *stamped],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[theirs])
    logging.getLogger("python_http_client").setLevel(logging.ERROR)  # its debug lines hold the API key
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns at each tick of a pass that takes longer


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
