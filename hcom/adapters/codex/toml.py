"""The little of TOML that is needed: strings written, and two settings of a config.toml read.

Python 3.10 has no reader for it. What is not understood here is said to be so, never guessed.
"""

import json
import os
import re
import sys

from ...errors import HcomError
from .. import settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = None


def quoted(text: str) -> str:
    """`text` as a TOML string."""
    # JSON's string is TOML's, except that TOML also wants DEL escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def unquoted(text: str) -> str:
    """What a one-line TOML string says; ValueError for an escape that JSON has not."""
    return text[1:-1] if text[0] == "'" else json.loads(text)


_STRING = r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*\'"""
_END = r"[ \t]*(?:#.*)?$"
_STATE = re.compile(rf"\s*\[\s*hooks\s*\.\s*state\s*\.\s*({_STRING})\s*\]{_END}", re.M)
_HASH = re.compile(rf"""^[ \t]*trusted_hash[ \t]*=[ \t]*["']?([\w:.-]+)["']?{_END}""", re.M)
_OFF = re.compile(rf"^[ \t]*enabled[ \t]*=[ \t]*false{_END}", re.M)


def trusted_hashes(config: str) -> dict[str, str]:
    """The hooks that a config.toml trusts and has not switched off: {key: hash}.

    Only tables [hooks.state."KEY"], as Codex writes them; what is missed is only called untrusted.
    """
    try:
        tables = re.split(r"^(?=\s*\[)", settings.text_of(config), flags=re.M)
    except HcomError:
        return {}
    found = {}
    for table in tables:
        key, said = _STATE.match(table), _HASH.search(table)
        try:
            if key and said and not _OFF.search(table):
                found[unquoted(key[1])] = said[1]
        except ValueError:
            continue  # an escape that JSON has not
    return found


def writable_roots(config: str) -> list[str] | None:
    """The writable roots that a config.toml sets, None when it sets none. ValueError when that is
    not clear."""
    try:
        text = settings.text_of(config)
    except HcomError as error:
        raise ValueError(error.message) from None
    if "writable_roots" not in text:
        return None
    value = _roots_of(text) if tomllib is None else _value_of(tomllib.loads(text))
    if value is not None and not (
        isinstance(value, list) and all(isinstance(root, str) for root in value)
    ):
        raise ValueError("writable_roots is no list of strings")
    return value


def _value_of(document: dict):
    table = document.get("sandbox_workspace_write", {})
    return table.get("writable_roots") if isinstance(table, dict) else table


_ROOTS = re.compile(
    r"^\s*(sandbox_workspace_write\s*\.\s*)?writable_roots\s*=\s*\[((?:\s|,|#.*|"
    + _STRING
    + r")*)\]\s*(?:#.*)?$",
    re.MULTILINE,
)


def _roots_of(text: str) -> list[str] | None:
    """The same without a TOML reader, for the two forms that people write: in the table
    [sandbox_workspace_write], or dotted above the first table."""
    found = None
    for match in _ROOTS.finditer(text):
        tables = re.findall(r"^\s*(\[.*\])\s*(?:#.*)?$", text[: match.start()], re.MULTILINE)
        inside = re.fullmatch(r"\[\s*sandbox_workspace_write\s*\]", tables[-1]) if tables else None
        if bool(match[1]) == bool(inside) or (match[1] and tables):
            continue
        items = re.sub(r"#.*", "", re.sub(_STRING, lambda s: s[0].replace("#", "\0"), match[2]))
        found = [unquoted(s.replace("\0", "#")) for s in re.findall(_STRING, items)]
    if found is None:
        raise ValueError("writable_roots is set in a way that is not understood")
    return found


def all_roots(home_config: str, profile: str, cwd: str) -> list[str]:
    """The writable roots in force by the config files; ValueError when that is not clear. The later
    of these files wins: the system's, the person's, their profile's, the folder's own."""
    files = ["/etc/codex/config.toml", home_config]
    if profile:
        files.append(os.path.join(os.path.dirname(home_config), f"{profile}.config.toml"))
    folders = [cwd]
    while os.path.dirname(folders[-1]) != folders[-1]:
        folders.append(os.path.dirname(folders[-1]))
    files += [os.path.join(folder, ".codex", "config.toml") for folder in reversed(folders)]
    roots: list[str] = []
    for path in dict.fromkeys(files):
        said = writable_roots(path)
        roots = roots if said is None else said
    return roots
