"""The settings: their keys in one table, config.env, and what of the two is in force.

Precedence: default < config.env < environment, each key by itself.
"""

import os
import re
from collections import namedtuple

TRUE = ("1", "true", "yes", "on")

# key -> (default, one line of help)
KEYS = {
    "HCOM_TAG": ("", "Group tag of new agents (names become tag-name)"),
    "HCOM_TERMINAL": ("default", "Where new agents open: a preset, or a command with {script}"),
    "HCOM_HINTS": ("", "Text that follows every message an agent receives"),
    "HCOM_SUBAGENT_TIMEOUT": ("30", "Seconds Claude's subagents are kept for messages"),
    "HCOM_CLAUDE_ARGS": ("", "Default arguments of claude"),
    "HCOM_GEMINI_ARGS": ("", "Default arguments of gemini"),
    "HCOM_CODEX_ARGS": ("", "Default arguments of codex"),
    "HCOM_RELAY": ("", "URL of the relay server"),
    "HCOM_RELAY_TOKEN": ("", "Token of the relay server"),
    "HCOM_AUTO_APPROVE": ("1", "Agents run safe hcom commands unasked (1 or 0)"),
    "HCOM_DEFAULT_SUBSCRIPTIONS": ("collision", "Subscriptions of new agents, with commas"),
    "HCOM_NAME_EXPORT": ("", "Variable that carries an agent's name into its client"),
}
SHORT_KEYS = tuple(key[5:].lower() for key in KEYS)


class Settings(namedtuple("Settings", [k[5:].lower() for k in KEYS] + ["passed"])):
    """What is in force, parsed; `passed` are the non-HCOM variables of config.env."""

    __slots__ = ()


def file_values(home) -> "dict[str, str]":
    """What config.env says; broken lines are left out."""
    try:
        with open(home.path("config.env"), encoding="utf-8", errors="replace") as stream:
            lines = stream.read().split("\n")
    except OSError:
        return {}
    found = {}
    for line in lines:
        match = re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)\Z", line)
        if match:
            found[match.group(1)] = _unquoted(match.group(2).strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        inner = value[1:-1]
        return inner.replace('\\"', '"').replace("\\\\", "\\") if value[0] == '"' else inner
    return value


def read(home, env) -> Settings:
    """The settings in force; a value that does not parse counts as the default."""
    written = file_values(home)
    values = {}
    for key, (default, _) in KEYS.items():
        values[key[5:].lower()] = env.get(key, written.get(key, default))
    timeout = values["subagent_timeout"]
    values["subagent_timeout"] = int(timeout) if timeout.isdigit() else 30
    values["auto_approve"] = values["auto_approve"].strip().lower() in TRUE
    passed = {k: v for k, v in written.items() if not k.startswith("HCOM_")}
    return Settings(**values, passed=passed)
