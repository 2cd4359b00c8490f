"""The little of TOML that is needed: values written, and what Codex has noted of trust read.

Python 3.10 has no reader for it. What is not understood here is said to be so, never guessed.
"""

import json
import re
import sys

from ...errors import HcomError
from .. import settings
from ..base import fields

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = None


def written(value) -> str:
    """A text, a number, a list or a table as TOML in one line."""
    if isinstance(value, dict):
        pairs = [f"{written(key)}={written(held)}" for key, held in value.items()]
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    # JSON's string is TOML's, except that TOML also wants DEL escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


_END = r"[ \t]*(?:#.*)?$"
_STATE = re.compile(
    r"""^\s*\[\s*hooks\s*\.\s*state\s*\.\s*("(?:[^"\\\n]|\\.)*"|'[^'\n]*')\s*\]"""
    + _END
    + r"((?:\n(?!\s*\[).*)*)",
    re.M,
)
_HASH = re.compile(rf"""^[ \t]*trusted_hash[ \t]*=[ \t]*["'](.*?)["']{_END}""", re.M)
_LONG = re.compile(r'""".*?"""|\'\'\'.*?\'\'\'', re.DOTALL)
_OFF = re.compile(rf"^[ \t]*enabled[ \t]*=[ \t]*false{_END}", re.M)


def trusted(config: str) -> dict[str, str]:
    """By a config.toml the keys of the hooks that Codex runs while they have the hash that it
    trusts, and that.

    Without a reader only by tables [hooks.state."KEY"], as Codex writes them; one that is missed
    is only called untrusted.
    """
    try:
        text = settings.text_of(config).removeprefix("\ufeff")
        if tomllib:
            states = fields(fields(tomllib.loads(text).get("hooks")).get("state"))
            told = ((key, fields(state)) for key, state in states.items())
            return {k: str(s.get("trusted_hash")) for k, s in told if s.get("enabled") is not False}
    except (HcomError, ValueError):
        return {}
    text = _LONG.sub("''", text)
    tables = [(t[1], _HASH.search(t[2]), _OFF.search(t[2])) for t in _STATE.finditer(text)]
    return {
        json.loads(key) if key[0] == '"' else key[1:-1]: said[1]
        for key, said, off in tables
        if said and not off
    }
