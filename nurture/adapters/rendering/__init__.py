"""Jinja2: sandboxed, undefined is an error, HTML escaped, CSS inlined once."""

from nurture.adapters.rendering.compiled import RenderedEmail
from nurture.adapters.rendering.failure import RenderError
from nurture.adapters.rendering.sources import TemplateKind
from nurture.adapters.rendering.templates import Templates

__all__ = ["RenderError", "RenderedEmail", "TemplateKind", "Templates"]
