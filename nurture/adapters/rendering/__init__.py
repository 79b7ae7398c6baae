"""Jinja2: sandboxed, undefined is an error, HTML escaped, CSS inlined once."""

from nurture.adapters.rendering.failure import RenderError
from nurture.adapters.rendering.templates import RenderedEmail, TemplateKind, Templates

__all__ = ["RenderError", "RenderedEmail", "TemplateKind", "Templates"]
