"""The shell launcher: what a client's hook command runs before any interpreter is started.

The installed command is one line that sources HCOM_DIR/.agents/hook and does nothing when that is
gone. The launcher leaves, with shell built-ins only, unless an hcom agent is concerned; a tool
event of an agent without mail goes to the spool. POSIX sh: dash, bash, zsh and macOS's sh run it.
"""

import json
import os
import re
import shlex

from .. import home as homes
from ..home import KEPT, create, keep
from ..process import itself

# How a hook command of ours is known among others, wherever HCOM_DIR and the package are.
OURS = re.compile(
    r"hcom_dir=.*; hcom_on='[\w -]+'; (?:.*; )?"
    r'\[ -r "\$hcom_dir/(?:\.agents/)?hook" \]'
)

# Its HCOM_DIR, as it stands in a file of settings.
ROOT = r"hcom_dir=((?:[^\\\n]|\\.)*?); hcom_on='"

SCRIPT = r"""# hcom's hook launcher: sourced by the hook commands in the settings of AI clients.
# Written by hcom; `hcom hooks remove` takes the commands out, this file may then be deleted.
hcom_agent=
hcom_find() {
  # Names only: who opens what an agent in a sandbox put there may wait for ever.
  for hcom_mark in "$hcom_dir/run/@MARKS@/$1="*; do
    hcom_agent=${hcom_mark##*=}
    case $hcom_agent in ''|*[!A-Za-z0-9_-]*) hcom_agent= ;; *) return ;; esac
  done
}
for hcom_key in "${HCOM_PROCESS_ID-}" @SESSIONS@ "pid-$PPID"; do
  [ -n "$hcom_agent" ] || [ -z "$hcom_key" ] || hcom_find "$hcom_key"
done
hcom_in=
if [ -z "$hcom_agent" ]; then
  case $hcom_on in *' find') ;; *) exit 0 ;; esac
  IFS= read -r hcom_in
  # What follows takes dash quadratic time, and no session begins with so much.
  [ ${#hcom_in} -lt 10000 ] || exit 0
  hcom_key=${hcom_in#*'"session_id":'}
  hcom_key=${hcom_key#*'"'}
  hcom_key=${hcom_key%%'"'*}
  case $hcom_key in ''|*[!A-Za-z0-9._-]*) exit 0 ;; esac
  hcom_find "$hcom_key"
  # Of whom it is a fork, only its transcript tells: of nobody where there are no agents.
  case $hcom_in in
    *'"source":"fork"'* | *'"source": "fork"'*)
      for hcom_mark in "$hcom_dir/run/@MARKS@/"*=*; do
        if [ -e "$hcom_mark" ]; then hcom_agent=-; fi
      done ;;
  esac
  [ -n "$hcom_agent" ] || exit 0
fi
export HCOM_DIR="$hcom_dir"
hcom_py=@PYTHON@
hcom_main=@MAIN@
if [ -x "$hcom_py" ] && [ -r "$hcom_main" ]; then
  hcom_run() { "$hcom_py" -I -S "$hcom_main" hook "$@"; }
else
  hcom_run() { hcom hook "$@"; }
fi
# $hcom_on is: tool event mode
set -- $hcom_on
case $3 in
  later)
    if [ ! -e "$hcom_dir/run/@MAIL@/$hcom_agent" ]; then
      umask 077
      hcom_file=$hcom_dir/run/@SPOOL@/$hcom_agent.$$
      # In containers that share HCOM_DIR process ids are the same again and again.
      while [ -e "$hcom_file" ]; do hcom_file=${hcom_file}_; done
      { cat && printf '\n#hcom %s %s %s %s\n' "$1" "$2" "${HCOM_PROCESS_ID:--}" "$PPID"; } \
        2>/dev/null >"$hcom_file" || exit 0
      if [ -p "$hcom_dir/run/@RECORDER@" ]; then
        printf . 1<>"$hcom_dir/run/@RECORDER@"
      else
        trap '' HUP
        # dash keeps what a function's redirections replace: a client would wait for its end.
        (exec </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; hcom_run record) &
      fi
      exit 0
    fi ;;
  sub)
    { hcom_in=$(cat); } 2>/dev/null  # bash speaks up about a NUL byte
    case $hcom_in in
      *'"agent_id":'*) printf '%s' "$hcom_in" | hcom_run "$1" "$2" "$PPID" 2>/dev/null ;;
    esac
    exit 0 ;;
  wait) hcom_run wait "$1" "$PPID" 2>&1 >/dev/null; exit $? ;;
esac
if [ -n "$hcom_in" ]; then
  printf '%s' "$hcom_in" | hcom_run "$1" "$2" "$PPID" 2>/dev/null
else
  hcom_run "$1" "$2" "$PPID" 2>/dev/null
fi
exit 0
"""


def handler(home, tool: str, event: str, mode: str, timeout: int, **more) -> dict:
    """Our handler of one event, as all clients want it, with what this one wants `more`."""
    return {
        "type": "command",
        "command": command(home, tool, event, mode),
        "timeout": timeout,
        **more,
    }


def is_ours(handler) -> bool:
    """Whether a parsed hook handler of a client's settings is one of ours."""
    return isinstance(handler, dict) and bool(OURS.search(str(handler.get("command", ""))))


def roots(text: str) -> set[str]:
    """The homes whose hooks are in the text of a client's settings, JSON or TOML."""
    found = set()
    for root in re.findall(ROOT, text):
        try:
            found.add("".join(shlex.split(json.loads(f'"{root}"'))))
        except ValueError:
            continue  # nobody's
    return found


def leads_elsewhere(home, text: str) -> bool:
    """Whether hooks in the text are of another home, which has what they run."""
    others = (home._replace(root=root) for root in roots(text) - {home.root})
    return any(os.path.exists(other.kept("hook")) for other in others)


def command(home, tool: str, event: str, mode: str = "now") -> str:
    """The hook command of one event. `mode`: now; later, for tool events that may be spooled; sub,
    when it only matters for subagents; find, when the payload (one line) tells the session and
    nothing else may; wait, for the waiter."""
    return (
        f"hcom_dir={shlex.quote(home.root)}; hcom_on='{tool} {event} {mode}'; "
        # Some clients ask the person's own shell.
        '[ "$ZSH_VERSION" ] && emulate sh; '
        f'[ -r "$hcom_dir/{KEPT}/hook" ] && command . "$hcom_dir/{KEPT}/hook"; exit 0'
    )


def write(home, session_variables) -> None:
    """HCOM_DIR/.agents/hook is there and runs this interpreter and this package.
    `session_variables` are those in which clients tell a hook its session."""
    create(home)
    python, *_, package = itself()
    text = SCRIPT
    for name, said in (
        ("SESSIONS", " ".join(f'"${{{v}-}}"' for v in session_variables)),
        ("PYTHON", shlex.quote(python)),
        ("MAIN", shlex.quote(os.path.join(package, "__main__.py"))),
        ("MARKS", homes.MARKS),
        ("MAIL", homes.MAIL),
        ("SPOOL", homes.SPOOL),
        ("RECORDER", homes.RECORDER),
    ):
        text = text.replace(f"@{name}@", said)
    keep(home.kept("hook"), text)


def shim(home) -> str:
    """A folder in which `hcom` runs this interpreter and this package."""
    keep(home.kept("bin", "hcom"), f'#!/bin/sh\nexec {shlex.join(itself())} "$@"\n', 0o700)
    return home.kept("bin")
