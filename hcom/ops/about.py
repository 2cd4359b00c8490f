"""What `config KEY --info` and `run docs --config` say of each setting, by its short name."""

from .. import config
from .setup import SAID

EXAMPLES = {
    "claude_args": "--model opus",
    "gemini_args": "--model gemini-2.5-flash",
    "codex_args": "--search",
}
_FREE, _ALONE = (", ".join(said for said, more in SAID if more is want) for want in (True, False))
TEXTS = {
    **{
        key: f"""
Arguments for every {key.partition("_")[0]} that hcom launches.
Those on the command line win where they disagree.

  hcom config {key} "{example}"
  hcom config {key} ""

Quote as in a shell.
"""
        for key, example in EXAMPLES.items()
    },
    "tag": """
New agents get this tag: luna becomes dev-luna. The agents of one tag are a group.

  hcom config tag dev             set it
  hcom config tag ""              no tag
  HCOM_TAG=dev hcom 3 claude      for one launch

@dev reaches everyone with the tag, @dev-luna the one agent. An agent that runs is given another
with: hcom config -i luna tag dev. Allowed are letters, digits and hyphens; no tag begins with hcom
or bigboss, or is called all, self, system or user.
""",
    "terminal": """
Where a new agent opens when it cannot run in the terminal you are in.

  default      where you are now (a tmux, kitty or WezTerm pane), else the platform's terminal
  PRESET       one of those below, in any case
  COMMAND      your own, with {script} where the launch script belongs; {cwd} and {title} too

  hcom config terminal kitty-tab
  hcom config terminal "my-terminal -e bash {script}"
  hcom config terminal default

hcom writes a script that starts the client and hands its path to the command. The command is split
as a shell splits words and run as it stands, without a shell. To try it: hcom 1 claude.

Presets here:
""",
    "hints": """
This text follows the messages that a new agent receives, quoted, and with the name of who set it
where that is an agent or the person.

  hcom config hints "Answer in JSON"
  hcom config hints ""            none
  hcom config -i luna hints "..."   for one agent that runs

It stands with the messages, not in the system prompt. New agents get what is set when they are
made. At most 2000 characters, on one line.
""",
    "subagent_timeout": """
How many seconds a subagent of Claude Code (its Task tool) stays to receive messages once its own
work is done. Its parent waits for it that long.

  hcom config subagent_timeout 60
  hcom config -i luna subagent_timeout 120

From 1 to 86400; 30 where nothing is set.
""",
    "relay": """
The relay server through which agents on several machines reach each other.

  hcom config relay https://relay.example.org
  hcom config relay http://192.168.1.7:8765
  hcom config relay ""            none

A server of your own answers POST /push/{device_id}, GET /poll and GET /version; hcom relay serve is
one. The URL begins with https://, or with http:// on this machine or a private network, by numbers.
Who talks to it goes by config.env alone: the environment is an agent's, too.
""",
    "relay_token": """
The token that the relay server asks for. Shown masked, stored in config.env, which only you can
read, and given to no agent. With - it is read from standard input, so that no history has it:

  hcom config relay_token - < FILE
""",
    "auto_approve": f"""
Whether clients let their agents run safe hcom commands unasked.

  hcom config auto_approve 1      (the default; also: true, yes, on)
  hcom config auto_approve 0      (also: false, no, off)

Safe are, with whatever follows:
  {_FREE}
and as they stand:
  {_ALONE}
What launches, stops, kills, resets or changes a setting is always asked for. It takes effect with:
hcom hooks add.
""",
    "default_subscriptions": """
What each new agent is subscribed to, with commas between.

  hcom config default_subscriptions "collision,created"
  hcom config default_subscriptions ""       nothing

  collision    it and another agent edit the same file within 20 s (the default)
  created      an agent joins
  stopped      an agent leaves or ends
  blocked      an agent waits for a person's approval

Agents may add and remove subscriptions at any time: hcom events sub --help.
""",
    "name_export": """
A variable in which a launched client finds its agent's name, for scripts.

  hcom config name_export HCOM_NAME
  hcom config name_export ""

Then in the agent's shell: echo $HCOM_NAME. A variable that says so, with NAME, AGENT or INSTANCE in
it, such as MY_AGENT_NAME; none that a shell, a loader or a client goes by.
""",
    "bell": """
The dashboard rings the terminal's bell when an agent begins to need a person: a dialog waits, or a
request to @bigboss. How many do is in the terminal's title, also without the bell.

  hcom config bell 0              silent
  hcom config bell 1              (the default; also: true, yes, on)

A dashboard goes by what is set when it begins.
""",
    "relay_key": """
A secret of 16 letters or more that all devices of a room have: each signs what it tells, and takes
only what is signed.
Without one, who runs the relay or has its token can write in anybody's name. `hcom relay invite`
makes it, `hcom relay join` sets it.

  hcom config relay_key - < FILE
""",
    "relay_allow": """
What an agent of another device may do here. It asks by a message to hcom:BOXE, where BOXE is this
device, and gets an answer; nothing is allowed where nothing is set.

  hcom config relay_allow stop,transcript

  stop         hcom send @hcom:BOXE -- stop luna           or: hcom stop luna:BOXE
  transcript   hcom send @hcom:BOXE -- transcript luna 5   or: hcom transcript luna:BOXE
  launch       hcom send @hcom:BOXE -- launch 2 codex "do x"   headless, in your home folder:
               whoever may do this can run anything here
""",
    "relay_enabled": """
Whether this device talks to the relay that is set. `hcom relay on` and `hcom relay off` change it.
""",
}


def text(key: str, presets: list[tuple[str, str]]) -> str:
    """All of what is said of `key`; `presets` are the (name, meaning) pairs of terminals."""
    found = config.KEYS[key]
    lines = [f"{key}: {found.about}", "", TEXTS[config.short(key)].strip("\n")]
    if key == "HCOM_TERMINAL":
        lines += [f"  {name:<18}{about}" for name, about in presets]
    if found.person:
        lines += ["", "An agent may not change this setting."]
    lines += ["", f"Default: {found.default or '(nothing)'}"]
    return "\n".join(lines)


def reference(presets: list[tuple[str, str]]) -> str:
    """The text of `hcom run docs --config`."""
    parts = [
        "# Settings",
        "",
        "They stand in config.env in HCOM_DIR (default: ~/.hcom). Each is taken from the",
        "environment, else from config.env, else it has its default; `hcom config` says",
        "which. Other variables in config.env, such as ANTHROPIC_MODEL=opus, go to the",
        "clients as they are; not those that shells, loaders, git or a connection go by,",
        "such as PATH, LD_PRELOAD or HTTPS_PROXY: your own shell may set them.",
        "",
        "  hcom config                  all of them",
        "  hcom config KEY              one",
        "  hcom config KEY VALUE        set it",
        "  hcom config KEY --info       what it means",
        "  hcom config --edit           open config.env in $EDITOR",
    ]
    for key in config.KEYS:
        parts += ["", f"## {key}", "", text(key, presets)]
    return "\n".join(parts)
