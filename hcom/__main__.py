"""The entry: `python -m hcom`, and the package directory run by its path.

Run by path, Python puts the package itself first in the search path, where `hcom/pty` would hide
the standard library's `pty`: it is taken out before anything else is imported. Its parent, where
some `json.py` may lie, is searched for hcom alone. In a zip file it is no folder of that name: see
`zipped`. What a Python that is too old does: see `__init__`.
"""

import os
import sys

if not __package__:
    _package = os.path.dirname(os.path.abspath(__file__))
    if os.path.isfile(_package):
        sys.modules["hcom"] = _hcom = __import__("__init__")
        _hcom.__path__ = [_package]
        sys.path.remove(_package)
        __import__("hcom.zipped").zipped.main(_package, sys.argv[1:], os.environ)
    _parent, _name = os.path.split(_package)
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) != _package]
else:
    _name = __package__
if _name != "hcom":
    _package = os.path.dirname(os.path.abspath(__file__))
    sys.exit("hcom: its directory has to be called hcom: rename %s" % _package)  # noqa: UP031
if not __package__:
    sys.path.insert(0, _parent)
    __import__("hcom")
    del sys.path[0]

if __name__ == "__main__":
    # Hooks are many and wrappers stay: neither loads anything of the command line.
    mains = {
        "hook": "hooks.main",
        "match": "ops.match",
        "relayed": "relay.main",
        "sift": "store.sieve",
        "wake": "ops.wake",
        "wrapped": "wrap.main",
    }
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    name = "hcom." + mains.get(asked, "cli")
    __import__(name)  # importlib would load what no hook has another use for
    code = sys.modules[name].main(sys.argv[1:])
    if asked == "hook":
        # Taking the interpreter down in order takes as long as the hook's own work.
        os._exit(code)
    sys.exit(code)
