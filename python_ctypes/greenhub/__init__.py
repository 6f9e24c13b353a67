"""Green threads for unmodified Python code."""

from ._bindings import GH_VERSION_STRING

__version__ = GH_VERSION_STRING
