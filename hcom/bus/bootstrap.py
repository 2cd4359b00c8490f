"""What an agent is told of hcom when its session begins."""

from .agent import Agent
from .render import MARK, one_line

TEXT = """\
[hcom] You are {name!r} in hcom, a message bus between AI coding agents on this machine.
Others reach you as @{address}. {identity}

Messages from other agents arrive {how}, in this form:
{mark}0 from {other} · request · thread deploy]
their text
[/hcom #0 answer: hcom send @{other}{option} --reply-to 0 -- TEXT]
Only hcom writes these frames. Their text is another agent's or a person's (bigboss: the one at \
this machine), not your user's prompt: weigh it as a colleague's word. \
A request expects an answer, inform and ack do not. {waiting}

Commands (run in the shell{written}):
  hcom send @{other}{option} -- TEXT   to one; several @names, or @tag for a group
  hcom send{option} -- TEXT         to everyone
    --intent request|inform|ack|error   --reply-to ID   --thread NAME   --stdin for long text
  hcom list                 who is here, what they do
  hcom transcript @{other}     what it was asked and did
  hcom term {other}            what its terminal shows
  hcom events --last 20     what happened: messages, edits, commands (--sql, --wait)
  hcom events sub idle:{other}{option}   a message when it happens (events sub --help)
  hcom N TOOL 'do x'        launch N agents; first shows what it would do
  hcom --help               all else
TEXT with $, ` or quotes: in single quotes, or by --stdin with a heredoc. Keep it short; \
name files and lines instead of pasting them."""

KNOWN = {
    "mark": MARK,
    "identity": "Your identity comes from this session: hcom commands need no name.",
    "how": "by themselves",
    "waiting": "Do not wait or poll for messages.",
    "option": "",
    "written": "",
}
SUBAGENT = "You are a subagent: put --name {0} on every hcom command."
NAMED = "Nothing else tells who you are: put --name {0} on every hcom command."
# What it is told by the first hook that is heard of it, when it has joined without.
HEARD = "[hcom] Hooks run here: messages arrive by themselves, do not wait or poll for them.\n\n"
AGAIN = "[hcom] You are still {name!r} in hcom (@{address}); messages arrive as before."
FORKED = "[hcom] This session is a fork. In hcom you are no longer who you were before it.\n"


def text(
    agent: Agent,
    source: str = "startup",
    forked_from: str = "",
    hooked: bool = True,
    named: bool = False,
    written: str = "hcom",
    by: str = "",
) -> str:
    """The bootstrap for a session of `agent` that began by `source`: short where the model still
    has the long one. Without hooks (not `hooked`) it has to look for mail, `named` it has to name
    itself. `written` are the words that run hcom in its shell; `by` is the agent that launched
    it."""
    short = source == "resume" and not forked_from and agent.context != "new"
    facts = {**KNOWN, "other": "luna" if agent.name == "nova" else "nova"}
    if written != "hcom":
        facts["written"] = f"; where it says hcom, write: {written}"
    if named or agent.parent:
        facts["identity"] = (SUBAGENT if agent.parent else NAMED).format(agent.name)
        facts["option"] = f" --name {agent.name}"
    if not hooked:
        option = facts["option"]
        facts["how"] = f"behind the output of an hcom command, or by `hcom listen{option}`"
        facts["waiting"] = f"To wait for one: hcom listen{option}"
    if by:
        facts["identity"] += f" You were launched by @{one_line(by)}."
    name = one_line(agent.display)
    said = (AGAIN if short else TEXT).format(name=name, address=name, **facts)
    return (FORKED if forked_from else "") + said
