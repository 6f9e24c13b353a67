"""Green threads for unmodified Python code."""

from ._bindings import GH_VERSION_STRING
from ._failures import set_excepthook as set_excepthook

__version__ = GH_VERSION_STRING
