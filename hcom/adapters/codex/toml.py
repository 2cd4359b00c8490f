"""The little of TOML that is needed: strings written, and two settings of a config.toml read.

Python 3.10 has no reader for it. What is not understood here is said to be so, never guessed.
"""

import json
import os
import re

from ...errors import HcomError
from .. import settings

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    tomllib = None


def quoted(text: str) -> str:
    """`text` as a TOML string."""
    # JSON's string is TOML's, except that TOML also wants DEL escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def unquoted(text: str) -> str:
    """What a one-line TOML string says; ValueError for an escape that JSON has not."""
    return text[1:-1] if text[0] == "'" else json.loads(text)


_STRING = r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*\'"""
_TABLE = re.compile(
    r"\s*\[\s*([^\[\]]*?|hooks\s*\.\s*state\s*\.\s*(?:" + _STRING + r"))\s*\]\s*(?:#.*)?\Z"
)
_STATE = re.compile(r"hooks\s*\.\s*state\s*\.\s*(" + _STRING + r")\Z")
_PAIR = re.compile(r"""\s*(trusted_hash|enabled)\s*=\s*["']?([\w:.-]+)["']?\s*(?:#.*)?\Z""")


def trusted_hashes(config: str) -> dict[str, str]:
    """The hooks that a config.toml trusts and has not switched off: {key: hash}.

    Only tables [hooks.state."KEY"], as Codex writes them; what is missed is only called untrusted.
    """
    try:
        lines = settings.text_of(config).splitlines()
    except HcomError:
        return {}
    found, key, off = {}, "", set()
    for line in lines:
        table, pair = _TABLE.match(line), _PAIR.match(line)
        if line.lstrip().startswith("["):
            named = table and _STATE.match(table[1])
            try:
                key = unquoted(named[1]) if named else ""
            except ValueError:
                key = ""
        elif key and pair and pair[1] == "trusted_hash":
            found[key] = pair[2]
        elif key and pair and pair[2] == "false":
            off.add(key)
    return {key: value for key, value in found.items() if key not in off}


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
