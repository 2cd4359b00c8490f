"""Realtime messaging and context sharing for AI coding agents.

Whatever runs hcom or imports of it imports this first, so any Python can read it, and it loads
nothing: the API for programs (api.py) is there once one of its names is used.
"""

import sys

__version__ = "0.7.0"

if sys.version_info < (3, 10):  # noqa: UP036
    # No client is to hear of it from its hook.
    sys.exit(
        sys.argv[1:2] != ["hook"]
        and "hcom: needs Python 3.10 or newer, this is %d.%d" % sys.version_info[:2]  # noqa: UP031
    )


def __getattr__(name):
    """What programs use of hcom. AttributeError for what is not in the API."""
    if name in ("HcomError", "Session", "instances", "launch", "session"):
        from importlib import import_module

        return getattr(import_module("hcom.api"), name)
    raise AttributeError("module 'hcom' has no attribute %r" % name)  # noqa: UP031
