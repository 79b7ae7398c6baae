"""The settings of a workspace: what nurture.toml and the environment say, read into one frozen `Settings`."""

from nurture.settings.file import read_settings
from nurture.settings.sections import SECTIONS, Settings

__all__ = ["SECTIONS", "Settings", "read_settings"]
