"""What a client does now, in the words that its adapter, the gate and the wrapper share: its screen
says them, and its own files. No agent's status, which is what its hooks have told.
"""

IDLE = "idle"  # it waits for a prompt
BUSY = "busy"
BLOCKED = "blocked"  # a dialog is up, of whatever kind
UNKNOWN = "unknown"
GONE = "gone"  # no process has its session open

# What stands in the box where its prompt is typed, as far as that is proven; else UNKNOWN.
EMPTY = "empty"
TEXT = "text"
