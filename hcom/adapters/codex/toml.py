"""The little of TOML that is needed: strings written, and two settings of a config.toml read.

Python 3.10 has no reader for it. What is not understood here is said to be so, never guessed.
"""

import json
import os
import re
import sys
from pathlib import Path

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


_STRING = r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*\'"""
_END = r"[ \t]*(?:#.*)?$"
_OFF = re.compile(rf"^[ \t]*enabled[ \t]*=[ \t]*false{_END}", re.M)


def trusts(config: str, hook: str, digest: str) -> bool:
    """Whether a config.toml trusts the hook of that key as it is now, and has not switched it off.

    Only by a table [hooks.state."KEY"], as Codex writes it; one that is missed is only called
    untrusted.
    """
    try:
        text = settings.text_of(config)
    except HcomError:
        return False
    key = f"(?:{re.escape(written(hook))}|'{re.escape(hook)}')"
    head = rf"^\s*\[\s*hooks\s*\.\s*state\s*\.\s*{key}\s*\]{_END}"
    table = re.search(head + r"((?:\n(?!\s*\[).*)*)", text, re.M)
    said = rf"""^[ \t]*trusted_hash[ \t]*=[ \t]*["']{re.escape(digest)}["']{_END}"""
    return bool(table and re.search(said, table[1], re.M) and not _OFF.search(table[1]))


def writable_roots(config: str) -> list[str] | None:
    """The writable roots that a config.toml sets, None when it sets none. ValueError when that is
    not clear, HcomError when it cannot be read."""
    text = settings.text_of(config).removeprefix("\ufeff")  # Codex reads over it (0.171.0)
    if not re.search(r"^(?![ \t]*#).*writable_roots", text, re.M):
        return None
    if tomllib is None:
        value = _roots_of(text)
    else:
        value = fields(tomllib.loads(text).get("sandbox_workspace_write")).get("writable_roots")
    if value is not None and not (
        isinstance(value, list) and all(isinstance(root, str) for root in value)
    ):
        raise ValueError("writable_roots is no list of strings")
    # A relative one counts from where the file is (measured).
    return value and [os.path.normpath(os.path.join(os.path.dirname(config), v)) for v in value]


_ROOTS = re.compile(
    r"^\s*(sandbox_workspace_write\s*\.\s*)?writable_roots\s*=\s*\[((?:\s|,|#.*|"
    + _STRING
    + r")*)\]\s*(?:#.*)?$",
    re.MULTILINE,
)


# In this table, or dotted above the first one.
_PLACES = ("[sandbox_workspace_write]", "sandbox_workspace_write.")


def _roots_of(text: str) -> list[str]:
    """The same without a TOML reader, for the two forms that people write."""
    for match in _ROOTS.finditer(text):
        tables = re.findall(r"^\s*(\[.*\])\s*(?:#.*)?$", text[: match.start()], re.MULTILINE)
        place = "".join([*tables[-1:], match[1] or ""])
        if re.sub(r"\s", "", place) in _PLACES:
            words = re.findall(rf"{_STRING}|#.*", match[2])
            return [w[1:-1] if w[0] == "'" else json.loads(w) for w in words if w[0] != "#"]
    raise ValueError("writable_roots is set in a way that is not understood")


def all_roots(home_config: str, profile: str, cwd: str) -> list[str]:
    """The writable roots in force by the config files; errors as above. The later of these files
    wins: the system's, the person's, their profile's, the folder's own."""
    files = ["/etc/codex/config.toml", home_config]
    if profile:
        files.append(os.path.join(os.path.dirname(home_config), f"{profile}.config.toml"))
    folders = [cwd, *map(str, Path(cwd).parents)]
    files += [os.path.join(folder, ".codex", "config.toml") for folder in reversed(folders)]
    said = [roots for roots in map(writable_roots, dict.fromkeys(files)) if roots is not None]
    return said[-1] if said else []
