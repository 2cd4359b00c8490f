'''# Writing scripts

A script is a file in HCOM_DIR/scripts (default ~/.hcom/scripts): NAME.py, run by Python, or
NAME.sh, run by bash; `hcom run NAME [args]` runs it. It need not be executable. It can
`import hcom`, has this hcom on its PATH, and its exit code is that of `hcom run`. The first line of
its docstring (of its comments, in .sh) is what `hcom run` lists. It replaces the bundled script of
the same name. One that begins with _ or . is not listed, and docs is no name for one.

## A script that asks an agent

```python
#!/usr/bin/env python3
"""Ask an agent something, and print its answer."""
import argparse
import sys

import hcom

ENDED = "(life_action = 'stopped' OR status_context LIKE 'exit:%')"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", help="whom to ask")
    parser.add_argument("question")
    parser.add_argument("--timeout", type=float, default=600)
    args = parser.parse_args()
    me = hcom.session(name="survey", external=True)
    target = hcom.instances(name=args.target)["base_name"]
    root = me.send("@bigboss a survey begins", thread="survey").id
    me.send(
        f"{args.question} Answer with: `hcom send --reply-to {root} -- TEXT`",
        to=target,
        intent="request",
        thread="survey",
    )
    event = me.wait(
        f"instance = ? AND (msg_reply_to = ? OR {ENDED})",
        [target, root],
        timeout=args.timeout,
        after=root,
    )
    if event is None or event["type"] != "message":
        print(f"{target} has not answered", file=sys.stderr)
        return 1
    print(event["data"]["text"])
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except hcom.HcomError as error:
        sys.exit(f"{error.message}\\n  {error.hint}")
```

## A script that launches agents

```python
#!/usr/bin/env python3
"""Let two new agents do a task, and print what they answer."""
import argparse
import os
import subprocess
import sys

import hcom

ENDED = "(life_action = 'stopped' OR status_context LIKE 'exit:%')"

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("task")
parser.add_argument("--timeout", type=float, default=600, help="seconds for each answer")
args = parser.parse_args()
me = hcom.session(name="pair", external=True)
tag = f"pair-{os.getpid()}"  # no other run's
root = me.send("@bigboss a pair begins").id
command = f"hcom send --reply-to {root} -- TEXT"
try:
    hcom.launch(2, tag=tag, prompt=f"{args.task} Send it: `{command}`", background=True)
    waiting, after = {one["base_name"] for one in hcom.instances() if one["tag"] == tag}, root
    while waiting:
        event = me.wait(f"msg_reply_to = ? OR {ENDED}", [root], args.timeout, after=after)
        if event is None:
            sys.exit(f"no answer of {', '.join(waiting)}")
        after = event["id"]
        if event["instance"] in waiting:
            waiting.discard(event["instance"])
            print(event["instance"], event["data"].get("text", "has ended"))
finally:  # whatever happens, nobody stays
    for act in ("kill", "stop"):  # also who has ended by itself
        subprocess.run(["hcom", act, f"tag:{tag}"], capture_output=True)
```

## What to know

- Who speaks: `hcom.session()` is the agent that runs the script; `hcom.session(name=args.name)` one
  that is named, but nobody speaks for an agent whose client runs elsewhere; `external=True` is a
  program, which works for all and receives nothing. Take --name as an option: `hcom run --name luna
  NAME` passes it on.
- An agent is not told how to answer a program: say it in the message or prompt, as above. A reply
  to a program's message without an @name goes to nobody else; the program waits for it in the log:
  `wait("msg_reply_to = ?", [id], after=id)`. With `after`, none that came meanwhile is missed.
- Events name agents without tags: compare with `base_name`. In `send` both names do.
- @names in TEXT behind -- are none; in a message that comes by --stdin they say whom it goes to.
- A turn that ends: `wait("idle:luna")`. An agent that left or ended: `wait("stopped:luna")`, in SQL
  as above. More presets: `hcom events sub --help`.
- An agent may end its turn and forget to answer: ask it once more where its `idle` comes first.
- A file that anybody edits: `wait("id IN (SELECT event_id FROM acts WHERE kind = 'edit' AND
  what = ?)", [os.path.realpath(path)])`; who did is `event["instance"]`. In .sh:
  `hcom events --wait 60 --file PATH`.
- To wake an agent, not the script, when something happens: `s.subscribe(...)`.
- Never sleep and look again: `wait` costs nothing. Always give a timeout, and say who was silent.
- End what you launch, as above; SIGKILL skips `finally`: then `hcom kill tag:TAG` does it.
  `hcom stop` alone leaves programs running.
- An agent that runs a script waits for it: let it run in the background where the same agent has to
  answer, or where it takes long.

## Bundled scripts

Each is an example: `hcom run NAME --source`. A copy in HCOM_DIR/scripts works as it is. What they
share (a second process ends what they launch, even if they are killed) is hcom.scripts._crew.

- clone: a fork of the agent does a task and sends the result (1 agent)
- watcher: a background reviewer of an agent's turns (1 agent)
- confess: an agent's own report, one from its transcript, a verdict (2 or 3 agents)
- debate: both sides of a topic, and a judge, in one thread (1 to 3 agents)
- ensemble: solutions that are refined in view of the others, and judged (2 or more agents)
- glue: tells agents what they should know of each other (1 agent)
'''
