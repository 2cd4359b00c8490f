"""Where a person keeps terminals: presets as data, and opening, showing and closing one
window, pane or tab.

Knows nothing of agents or of what the script does. `choice` and `preset` are pure; `table` reads
the JSON file; `window` starts processes. No command ever passes through a shell of ours.
"""

from .choice import ancestors, choose, chosen, current_platform, platform_of
from .preset import Opener, Platform, Preset
from .table import builtin, parse_custom, settings
from .window import Opened, around, close_window, open_window, show_window, with_reported

__all__ = [
    "Opened",
    "Opener",
    "Platform",
    "Preset",
    "ancestors",
    "around",
    "builtin",
    "choose",
    "chosen",
    "close_window",
    "current_platform",
    "open_window",
    "parse_custom",
    "platform_of",
    "settings",
    "show_window",
    "with_reported",
]
