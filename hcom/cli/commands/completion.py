"""hcom completion: what a shell completes, from the declarations of the commands and from who is
here. A shell's own part hands over the words so far and takes what the last may become."""

import os
from contextlib import suppress

from ... import adapters, config
from ...bus.agent import STATUSES
from ...bus.message import INTENTS
from ...errors import HcomError, UsageError
from ...hub import people
from ...ops import settings
from ...store import agents, filters, subscriptions
from ...store.connect import HOOK_BUSY_S, open_db
from ..catalog import COMMANDS, find
from ..model import NAME, Command, taking
from .run import DOCS, scripts

SHELLS = {
    # Bash cuts words at : and @ too, and replaces only what it cut off last, which is $2.
    "bash": """\
# hcom completion for bash: eval "$(hcom completion bash)" in ~/.bashrc
_hcom() {
  local IFS=$'\\n' words line=${COMP_LINE:0:COMP_POINT}
  IFS=$' \\t' read -ra words <<<"${line#*$1}"; [[ $line != *[[:blank:]] ]] || words+=('')
  COMPREPLY=($(hcom completion words -- "${words[@]}" 2>/dev/null))
  line=${line##*[[:blank:]]} line=${line%"$2"}; COMPREPLY=("${COMPREPLY[@]#"$line"}")
}
complete -F _hcom hcom""",
    "zsh": """\
#compdef hcom
# hcom completion for zsh: eval "$(hcom completion zsh)" in ~/.zshrc, behind compinit
_hcom() {
  local found="$(hcom completion words -- "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)"
  compadd -- ${(f)found}
}
compdef _hcom hcom""",
    "fish": """\
# hcom completion for fish: hcom completion fish | source, in config.fish
function __hcom_words
    set -l words (commandline -opc) (commandline -ct)
    hcom completion words -- $words[2..-1] 2>/dev/null
end
complete -c hcom -f -a '(__hcom_words)'""",
}
# What may stand behind the words of a command line, * for any number of a command's words.
# {agent} is each agent there is, and so on: see LIVE.
BEHIND = {
    "": " ".join(COMMANDS) + " {tool} --help --version",
    "N": "{tool}",
    "completion": " ".join(SHELLS),
    "config": " ".join(config.SHORT_KEYS),
    "config tag": "{tag}",
    "config terminal": "{terminal}",
    "events": "sub unsub launch",
    "events sub": " ".join(
        word
        for name, preset in filters.PRESETS.items()
        for word in (name if preset.everyone else "", f"{name}:{{agent}}" if preset.sql else "")
    ),
    "events unsub": "{subscription}",
    "fork": "{known}",
    "hooks": "status add remove",
    "hooks add": "{tool} all",
    "hooks remove": "{tool} all",
    "kill *": "{agent} tag:{tag} all",
    "list": "{agent} self",
    "reset": "all",
    "resume": "{known}",
    "run": "docs {script}",
    "run docs": " ".join(DOCS),
    "send *": "@{agent} @{tag}",
    "stop *": "{agent} tag:{tag} all",
    "term": "{agent}",
    "transcript": "@{agent} timeline search",
}
# And what behind an option; nothing behind the others that take a value.
VALUES = {
    **dict.fromkeys(("--agent", "--for", "--name", "--to"), "{agent}"),
    "--as": "{known}",
    "--intent": " ".join(INTENTS),
    "--status": " ".join(STATUSES),
    "--type": " ".join(filters.EVENT_TYPES),
    "-i": "{agent} self",
}
LIVE = {
    "agent": lambda call: [agent.display for agent in _asked(call, people.listed, call.now)],
    "known": lambda call: [agent.display for agent in _asked(call, agents.everywhere)],
    "script": lambda call: scripts(call.home),
    "subscription": lambda call: [one.id for one in _asked(call, subscriptions.every)],
    "tag": lambda call: [a.tag for a in _asked(call, people.listed, call.now) if a.tag],
    "terminal": lambda call: [name for name, _ in settings.presets()],
    "tool": lambda call: adapters.TOOLS,
}


def _asked(call, question, *facts) -> list:
    """What the database answers; nothing where there is none or it cannot be read."""
    if os.path.exists(call.home.db):
        with suppress(HcomError), open_db(call.home, HOOK_BUSY_S) as db:
            return question(db, *facts)
    return []


def _behind(before: list[str], flags: bool) -> str:
    """What may stand behind the words `before`, as BEHIND has it; `flags` where one was begun."""
    if not before or before[0] not in COMMANDS:
        return BEHIND.get("N" if "".join(before).isdecimal() else " ".join(before), "")
    command, valued, (name, *rest) = find(before[0]), taking(find(before[0])), before
    if before[-1] in valued:
        return VALUES.get(before[-1], "")
    if "--" in rest:  # behind it is a text, or another program's
        return ""
    free = [w for last, w in zip(before, rest) if not w.startswith("-") and last not in valued]
    found = BEHIND.get(" ".join([name, *free])) or BEHIND.get(f"{name} *", "")
    if found and not flags:
        return found
    return " ".join([found, *(option.flags for option in (*command.options, NAME)), "--help"])


def candidates(call, words: list[str]) -> list[str]:
    """What the last of `words`, those behind `hcom`, may become."""
    *before, typed = words
    found = []
    for word in _behind(before, typed.startswith("-")).split():
        form, brace, kind = word.partition("{")
        found += [form + one for one in LIVE[kind[:-1]](call)] if brace else [word]
    return [word for word in dict.fromkeys(found) if word.startswith(typed)]


def run(call) -> int:
    given = call.words[0] if call.words else ""
    if given == "words":
        for word in candidates(call, call.tail or [""]):
            call.say(word)
        return 0
    if given not in SHELLS or len(call.words) > 1:
        raise UsageError(
            "completion for which shell?" + (f" Not {' '.join(call.words)!r}" if given else ""),
            "use " + ", ".join(SHELLS),
        )
    call.say(SHELLS[given])
    return 0


COMMAND = Command(
    "completion",
    "Print a completion script for a shell",
    (
        ("hcom completion bash|zsh|fish", "The script, to be evaluated by the shell at its start"),
        ("hcom completion words -- WORD ...", "What the last of these may become, one a line"),
    ),
    (),
    run,
    "shell",
    (
        "hcom completion bash",
        "hcom completion zsh",
        "hcom completion fish",
        "hcom completion words -- config sub",
    ),
    """
bash: eval "$(hcom completion bash)" in ~/.bashrc      zsh: the same with zsh, in ~/.zshrc
fish: hcom completion fish | source, in ~/.config/fish/config.fish
""",
)
