"""The entry: `python -m hcom`, and the package directory run by its path.

Run by path, Python puts the package itself first in the search path, where `hcom/pty` would hide
the standard library's `pty`: the parent takes its place before anything else is imported. What a
Python that is too old does with this: see `__init__`.
"""

import sys

if not __package__:
    _package = __file__.rpartition("/")[0] or "."
    _parent = _package.rpartition("/")[0] or ("." if "/" not in _package else "/")
    if _package == ".":
        import os

        _parent = os.path.dirname(os.getcwd())
    sys.path[:] = [_parent] + [p for p in sys.path if p.rstrip("/") != _package.rstrip("/")]

if __name__ == "__main__":
    from importlib import import_module

    # Hooks are many and wrappers stay: neither loads anything of the command line.
    mains = {
        "hook": "hooks.main",
        "match": "ops.match",
        "sift": "store.sieve",
        "wake": "ops.wake",
        "wrapped": "wrap.main",
    }
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    code = import_module("hcom." + mains.get(asked, "cli")).main(sys.argv[1:])
    if asked == "hook":
        import os

        # Taking the interpreter down in order takes as long as the hook's own work.
        os._exit(code)
    sys.exit(code)
