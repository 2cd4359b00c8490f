"""The settings: their keys in one table, config.env, and what of the two is in force.

Precedence: default < config.env < environment, each key by itself. A line that says nothing is
named and ignored, a value that may not be counts as not given; the rest works.
"""

import os
import re
import shlex
from collections import namedtuple

from . import home as homes
from .bus import message, names
from .errors import HcomError, UsageError

TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")
HINTS_CHARS = 2000  # they follow every delivery, of which Codex carries 10 kB
FILE, ENVIRONMENT, DEFAULT = "config.env", "environment", "default"


# One setting. `check(text)` raises HcomError for what may not be; `secret` values are shown masked;
# `person` is one that can run code or send data away, and no agent may change.
Key = namedtuple("Key", "default about check secret person", defaults=(False, False))


def _any_text(text: str) -> None:
    if len(text) > HINTS_CHARS:
        raise HcomError(f"{len(text)} characters, the limit is {HINTS_CHARS}")


def _seconds(text: str) -> None:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 86_400):
        raise HcomError(f"not a number of seconds: {text!r}", "use 1 to 86400")


def words(text: str) -> list[str]:
    """A client's arguments, as a shell would take them. HcomError."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise HcomError(
            f"the arguments {text!r} do not end: {str(error).lower()}", "quote as in a shell"
        ) from None


def _url(text: str) -> None:
    if text:
        from .bus import remote  # no hook needs it

        remote.target(text)


ALLOWED = ("stop", "launch", "transcript")
KEY_CHARS = 16  # a shorter one is soon guessed by who has what it signed


def _allowed(text: str) -> None:
    for word in filter(None, text.split(",")):
        if word not in ALLOWED:
            raise HcomError(f"not to be allowed: {word!r}", "use " + ",".join(ALLOWED))


def _token(text: str) -> None:
    if not re.fullmatch(r"[!-~]*", text):
        raise HcomError(
            "a token has no spaces, and no letters but a to z", "hcom config relay_token - < FILE"
        )


def _key(text: str) -> None:
    _token(text)
    if 0 < len(text) < KEY_CHARS:
        raise HcomError(f"a key has {KEY_CHARS} letters at least", "hcom relay invite makes one")


def _truth(text: str) -> None:
    if text.strip().lower() not in TRUE + FALSE:
        raise HcomError(f"neither yes nor no: {text!r}", "use 1 or 0")


def _presets(text: str) -> None:
    from .bus.notice import DEFAULTS

    for word in filter(None, (part.strip() for part in text.split(","))):
        if word not in DEFAULTS:
            raise HcomError(f"not a default subscription: {word!r}", "use " + ", ".join(DEFAULTS))


# What loaders, shells, interpreters and git obey, and what says where a client's files lie and its
# requests go: who sets one of these runs code in the client, or reads along. A person's own shell
# may set it.
OBEYED = re.compile(
    r"(LD|DYLD|BASH|GIT|SSH|NODE|NPM_CONFIG|SSL|CURL|REQUESTS|JAVA|_JAVA)_\w*|PYTHON\w*|"
    r"PERL5?(LIB|OPT|DB)|RUBY(LIB|OPT)|\w*_(PROXY|CA_\w*|(BASE|ENDPOINT)_URL|HOME|CONFIG_DIR)|"
    r"PATH|CDPATH|FPATH|ENV|IFS|PS[0-4]|PROMPT_COMMAND|SHELLOPTS|BASHOPTS|ZDOTDIR|HOME|SHELL|"
    r"USER|LOGNAME|HOSTNAME|USERNAME|PWD|OLDPWD|TERM|TMPDIR|EDITOR|VISUAL|PAGER|BROWSER",
    re.IGNORECASE,
)
# What an agent's name may be found in: a variable that says so, none of the programs around.
_NAMING = re.compile(r"\w*(NAME|AGENT|INSTANCE)\w*", re.IGNORECASE)
_TAKEN = re.compile(r"HCOM_(?!NAME\Z)\w*|(ANTHROPIC|OPENAI|GOOGLE|AWS|AZURE)_\w*", re.IGNORECASE)


def _variable(text: str) -> None:
    if text and not re.match(r"[A-Za-z_][A-Za-z0-9_]*\Z", text):
        raise HcomError(f"not the name of a variable: {text!r}", "use letters, digits and _")
    clients = tuple(short(key)[:-4].upper() for key in KEYS if key.endswith("_ARGS"))
    if OBEYED.fullmatch(text) or _TAKEN.fullmatch(text) or text.upper().startswith(clients):
        raise HcomError(f"the variable {text} is needed for something else", "use HCOM_NAME")
    if text and not _NAMING.fullmatch(text):
        raise HcomError(
            f"the variable {text} says nothing of a name", "one like HCOM_NAME or MY_AGENT"
        )


KEYS = {
    "HCOM_TAG": Key("", "Group tag of new agents (names become tag-name)", names.check_tag),
    "HCOM_TERMINAL": Key(
        "default",
        "Where new agents open: a preset, or a command with {script}",
        words,
        person=True,
    ),
    "HCOM_HINTS": Key("", "Text that follows every message an agent receives", _any_text),
    "HCOM_SUBAGENT_TIMEOUT": Key(
        "30", "Seconds Claude's subagents are kept for messages", _seconds
    ),
    "HCOM_CLAUDE_ARGS": Key("", "Default arguments of claude", words, person=True),
    "HCOM_GEMINI_ARGS": Key("", "Default arguments of gemini", words, person=True),
    "HCOM_CODEX_ARGS": Key("", "Default arguments of codex", words, person=True),
    "HCOM_RELAY": Key("", "URL of the relay server", _url, person=True),
    "HCOM_RELAY_TOKEN": Key("", "Token of the relay server", _token, secret=True, person=True),
    "HCOM_AUTO_APPROVE": Key(
        "1", "Agents run safe hcom commands unasked (1 or 0)", _truth, person=True
    ),
    "HCOM_DEFAULT_SUBSCRIPTIONS": Key(
        "collision", "Subscriptions of new agents, with commas", _presets
    ),
    "HCOM_NAME_EXPORT": Key("", "Variable that carries an agent's name into its client", _variable),
    "HCOM_BELL": Key("1", "The dashboard rings when an agent needs a person (1 or 0)", _truth),
    "HCOM_RELAY_KEY": Key("", "Key of a room whose devices sign", _key, True, True),
    "HCOM_RELAY_ALLOW": Key("", "What other devices may do here", _allowed, person=True),
    "HCOM_RELAY_ENABLED": Key("1", "Talk to the relay that is set (1 or 0)", _truth, person=True),
}


def short(key: str) -> str:
    """The key as a person writes it: tag for HCOM_TAG."""
    return key.removeprefix("HCOM_").lower()


SHORT_KEYS = tuple(map(short, KEYS))
# Read by launches from the environment; in config.env they pass through as other variables do.
PASSED_ON = ("HCOM_GEMINI_SYSTEM_PROMPT", "HCOM_CODEX_SYSTEM_PROMPT")


def public(env) -> dict[str, str]:
    """`env` without secrets, which no program has from us."""
    return {key: value for key, value in env.items() if key not in KEYS or not KEYS[key].secret}


class Settings(
    namedtuple(
        "Settings",
        "tag terminal hints subagent_timeout claude_args gemini_args codex_args relay relay_token "
        "auto_approve default_subscriptions name_export bell relay_key relay_allow "
        "relay_enabled passed",
    )
):
    """What is in force, parsed: KEYS in their order; `passed` are the non-HCOM variables of
    config.env."""

    __slots__ = ()

    def of_an_agent(self) -> dict:
        """What a new agent has of them, as people.join takes it."""
        return {
            "tag": self.tag,
            "hints": self.hints,
            "subagent_timeout": self.subagent_timeout,
            "subscriptions": self.default_subscriptions,
        }


# A value as text, and where it comes from: FILE, ENVIRONMENT or DEFAULT
InForce = namedtuple("InForce", "value source")


# All that config.env and the environment say: each key's InForce, the variables that go to the
# clients as they are, and what is wrong in a line each.
Found = namedtuple("Found", "in_force passed problems")


def key_of(given: str) -> str | None:
    """The key that `given` means: tag, TAG or HCOM_TAG; None when there is none."""
    name = given.upper().replace("-", "_")
    return next((key for key in (name, f"HCOM_{name}") if key in KEYS), None)


def check(key: str, value: str) -> None:
    """UsageError unless `value` may be the value of `key`."""
    found = message.forbidden(value)
    if found or "\n" in value:
        code = ord(found.group()) if found else 10
        raise UsageError(
            f"{key}: control character U+{code:04X} in the value", "a value is one line of text"
        )
    try:
        KEYS[key].check(value)
    except HcomError as error:
        raise UsageError(f"{key}: {error.message}", error.hint) from None


def _text(home) -> str:
    """What config.env says, "" when there is none. OSError when it is not to be read."""
    homes.own(home.path("config.env"))
    try:
        return homes.read(home.path("config.env")).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _set_by(line: str) -> dict[str, str]:
    """What a line of config.env sets: one variable, or none. HcomError when it says nothing."""
    if not line.strip() or line.lstrip().startswith("#"):
        return {}
    match = re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)\Z", line)
    if not match:
        raise HcomError("it is not KEY=value")
    key, raw = match.group(1), match.group(2).strip()
    if raw[:1] in ("'", '"') and (len(raw) < 2 or raw[-1] != raw[0]):
        raise HcomError(f"the quotes of {key} do not end")
    value = _unquoted(raw)
    if key in KEYS:
        check(key, value)
    elif key.startswith("HCOM_") and key not in PASSED_ON:
        raise HcomError(f"there is no setting {key}")
    elif OBEYED.fullmatch(key):
        raise HcomError(f"{key} is obeyed by more than a client; set it in your shell")
    return {key: value}


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        inner = value[1:-1]
        return re.sub(r"\\([\\\"$`])", r"\1", inner) if value[0] == '"' else inner
    return value


def _quoted(value: str) -> str:
    """`value` as a shell and `_unquoted` both read it."""
    if re.match(r"[\w@%+=:,./-]*\Z", value):
        return value
    return '"' + re.sub(r"([\\\"$`])", r"\\\1", value) + '"'


def found(home, env) -> Found:
    """What the settings are, and where each comes from."""
    written, in_force, problems, text = {}, {}, [], ""
    try:
        text = _text(home)
    except OSError as error:
        problems.append(f"config.env is ignored: {error.strerror}")
    for number, line in enumerate(text.split("\n"), 1):
        try:
            written.update(_set_by(line))
        except HcomError as error:
            problems.append(f"config.env line {number} is ignored: {error.message}")
    for key, one in KEYS.items():
        value = written.pop(key, None)
        in_force[key] = InForce(one.default, DEFAULT) if value is None else InForce(value, FILE)
        if key in env:
            try:
                check(key, env[key])
                in_force[key] = InForce(env[key], ENVIRONMENT)
            except HcomError as error:
                problems.append(f"the environment is ignored: {error.message}")
    return Found(in_force, written, problems)


def read(home, env) -> Settings:
    """The settings in force."""
    in_force, passed, _ = found(home, env)
    values = {short(key): said.value for key, said in in_force.items()}
    values["subagent_timeout"] = int(values["subagent_timeout"])
    for key in ("relay_enabled", "auto_approve", "bell"):
        values[key] = values[key].strip().lower() in TRUE
    return Settings(**values, passed=passed)


def masked(key: str, value: str) -> str:
    """`value` as it may be shown: of a secret, only its end."""
    if key not in KEYS or not KEYS[key].secret or not value:
        return value
    return "****" + (value[-4:] if len(value) >= 12 else "")


def write_all(home, values: "dict[str, str | None]") -> None:
    """config.env says that each key has its value, or nothing of it (None), all of them or none;
    the other lines stay byte for byte. HcomError when it cannot be written."""
    try:
        homes.create(home)
        with homes.Lock(home, "config") as lock:
            lock.take(wait=True)
            path = os.path.realpath(home.path("config.env"))
            text = _text(home)
            for key, value in values.items():
                text = _changed(text, key, value)
            homes.rewrite(path, text)
            homes.set_mode(path, 0o600)
    except OSError as error:
        raise HcomError(
            f"cannot write {home.path('config.env')}: {error.strerror}",
            homes.cure(error),
        ) from None


def _changed(text: str, key: str, value: str | None) -> str:
    kept: list[str] = []
    place = None
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        if re.match(rf"\s*(?:export\s+)?{key}\s*=", line):
            place = len(kept) if place is None else place
        else:
            kept.append(line)
    if value is None:
        return "".join(kept)
    if kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
    kept.insert(len(kept) if place is None else place, f"{key}={_quoted(value)}\n")
    return "".join(kept)


def reset(home) -> str:
    """config.env is gone, its text kept in config.env.bak; that path, "" when there was none."""
    path = home.path("config.env")
    if not os.path.exists(path):
        return ""
    try:
        _text(home)
        os.replace(path, path + ".bak")
    except OSError as error:
        raise HcomError(f"cannot write {path}: {error.strerror}", "hcom status") from None
    return path + ".bak"
