"""Nodes as plain data: what any reader of YAML 1.2, such as an editor, makes of the same text."""

from __future__ import annotations

from typing import Any

from nurture.adapters.cadence_files.nodes import ListNode, MapNode, Node, ScalarNode


def plain(node: Node) -> Any:
    """The node as values, lists and dictionaries."""
    match node:
        case ScalarNode():
            return node.value
        case ListNode():
            return [plain(item) for item in node.items]
        case MapNode():
            return {name: plain(value) for name, (_, value) in node.entries.items()}
