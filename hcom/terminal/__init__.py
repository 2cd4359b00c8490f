"""Where a person keeps terminals: presets as data, and opening and closing one window, pane or tab.

Knows nothing of agents or of what the script does. `choice` and `preset` are pure; `table` reads
the JSON file; `window` starts processes. No command ever passes through a shell of ours.
"""

from .choice import ancestors, choose, chosen, current_platform, platform_of
from .preset import Opener, Platform, Preset
from .table import builtin, parse_custom, settings
from .window import Opened, close_window, open_window, with_reported

__all__ = [
    "Opened",
    "Opener",
    "Platform",
    "Preset",
    "ancestors",
    "builtin",
    "choose",
    "chosen",
    "close_window",
    "current_platform",
    "open_window",
    "parse_custom",
    "platform_of",
    "settings",
    "with_reported",
]
