"""hcom completion: what a shell completes, made from the same declarations as the help."""

from ... import adapters
from ...errors import UsageError
from ...hub import people
from ...store.connect import open_db
from ..catalog import COMMANDS, find
from ..model import NAME, Command

SHELLS = ("bash", "zsh", "fish")
# The commands whose free arguments are agents.
TAKE_AGENTS = ("list", "stop", "kill", "resume", "fork", "term", "transcript")
WORDS = {
    "events": ("sub", "unsub"),
    "hooks": ("status", "add", "remove"),
    "run": ("docs",),
    "completion": SHELLS,
    "reset": ("all",),
}


def flags(command) -> list[str]:
    """Every flag of a command, as typed."""
    options = (*command.options, NAME)
    return [flag for option in options for flag in option.flags.split()] + ["--help"]


def words(name: str) -> tuple[str, ...]:
    """The words that may stand behind a command, but for names of agents."""
    if name == "config":
        from ...config import SHORT_KEYS

        return SHORT_KEYS
    return WORDS.get(name, ())


def _bash() -> str:
    cases = "\n".join(
        f"    {name}) words='{' '.join((*words(name), *flags(find(name))))}'"
        + ("; agents=1" if name in TAKE_AGENTS else "")
        + " ;;"
        for name in COMMANDS
    )
    return f"""# hcom completion for bash: eval "$(hcom completion bash)" in ~/.bashrc
_hcom() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} words= agents=
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='{" ".join((*COMMANDS, *adapters.TOOLS, "--help", "--version"))}'
  else
    case ${{COMP_WORDS[1]}} in
{cases}
    esac
  fi
  case $prev in --name|--for|--agent|--to|-i) words=; agents=1 ;; esac
  if [ -n "$agents" ]; then words="$words $(hcom completion agents 2>/dev/null)"; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -F _hcom hcom"""


def _zsh() -> str:
    cases = "\n".join(
        f"    {name}) found=({' '.join((*words(name), *flags(find(name))))})"
        + ("; agents=1" if name in TAKE_AGENTS else "")
        + " ;;"
        for name in COMMANDS
    )
    commands = "\n".join(f"    '{name}:{_plain(find(name).summary)}'" for name in COMMANDS)
    tools = " ".join(f"'{tool}:Launch {tool}'" for tool in adapters.TOOLS)
    return f"""#compdef hcom
# hcom completion for zsh: eval "$(hcom completion zsh)" in ~/.zshrc, behind compinit
_hcom() {{
  local -a commands found
  local agents=
  if (( CURRENT == 2 )); then
    commands=(
{commands}
    {tools})
    _describe 'command' commands
    return
  fi
  case ${{words[2]}} in
{cases}
  esac
  case ${{words[CURRENT-1]}} in --name|--for|--agent|--to|-i) found=() agents=1 ;; esac
  if [[ -n $agents ]]; then found+=(${{(f)"$(hcom completion agents 2>/dev/null)"}}); fi
  compadd -a found
}}
compdef _hcom hcom"""


def _plain(text: str) -> str:
    return text.replace("'", "").replace(":", " ")


def _fish() -> str:
    lines = [
        "# hcom completion for fish: hcom completion fish | source, in config.fish",
        "complete -c hcom -f",
    ]
    none = "-n __fish_use_subcommand"
    lines += [
        f"complete -c hcom {none} -a {name} -d '{_quoted(find(name).summary)}'" for name in COMMANDS
    ]
    lines += [f"complete -c hcom {none} -a {tool} -d 'Launch {tool}'" for tool in adapters.TOOLS]
    for name in COMMANDS:
        here = f"-n '__fish_seen_subcommand_from {name}'"
        if words(name):
            lines.append(f"complete -c hcom {here} -a '{' '.join(words(name))}'")
        if name in TAKE_AGENTS:
            lines.append(f"complete -c hcom {here} -a '(hcom completion agents 2>/dev/null)'")
        for option in (*find(name).options, NAME):
            forms = " ".join(
                f"-l {f[2:]}" if f.startswith("--") else f"-s {f[1:]}" for f in option.flags.split()
            )
            takes = " -x" if option.value and not option.value.startswith("[") else ""
            lines.append(f"complete -c hcom {here} {forms}{takes} -d '{_quoted(option.help)}'")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def run(call) -> int:
    given = call.words[0] if call.words else ""
    if given == "agents":  # what the scripts themselves ask
        with open_db(call.home) as db:
            for agent in people.listed(db, call.now):
                call.say(agent.display)
        return 0
    scripts = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    if given not in scripts or len(call.words) > 1:
        raise UsageError(
            f"completion for which shell? Not {given!r}"
            if given
            else "completion for which shell?",
            "use " + ", ".join(SHELLS),
        )
    call.say(scripts[given]())
    return 0


COMMAND = Command(
    "completion",
    "Print a completion script for a shell",
    (("hcom completion bash|zsh|fish", "The script, to be evaluated by the shell at its start"),),
    (),
    run,
    "shell",
    ("hcom completion bash", "hcom completion zsh", "hcom completion fish"),
    """
bash: eval "$(hcom completion bash)" in ~/.bashrc      zsh: the same with zsh, in ~/.zshrc
fish: hcom completion fish | source, in ~/.config/fish/config.fish
""",
)
