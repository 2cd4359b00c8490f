"""The clients' own settings, so that each comes up at its empty prompt with no dialog.

The same for all that `clients.CLIENTS` names. Nothing here knows of hcom.
"""

import json
from enum import Enum
from pathlib import Path

KEYS = {
    "ANTHROPIC_API_KEY": "rig-dummy-key-for-claude-0123456789",
    "GEMINI_API_KEY": "rig-dummy-key-for-gemini",
    "OPENAI_API_KEY": "rig-dummy-key-for-codex",
}
CLAUDE_TOOLS = ("Bash", "Write", "Edit", "Read", "Agent")
GEMINI_TOOLS = {
    "run_shell_command": "allowRedirection = true\n",
    "write_file": "",
    "replace": "",
    "invoke_agent": "",
}
QUIET = {"DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1", "DISABLE_AUTOUPDATER": "1"}


def environment(port: int) -> dict[str, str]:
    """The variables that point every client at the model servers on `port`."""
    url = f"http://127.0.0.1:{port}"
    return {**KEYS, **QUIET, "ANTHROPIC_BASE_URL": url, "GOOGLE_GEMINI_BASE_URL": url}


class Permissions(Enum):
    """What the clients ask a person before they run a tool."""

    FREE = "free"  # nothing
    ASK = "ask"  # a dialog for every tool that changes something
    STOCK = "stock"  # as the client comes: Claude's auto mode, whose check needs its real server


def write(home: Path, port: int, permissions: Permissions) -> None:
    """All three clients are set up in `home`; in a trusted folder they come up at their prompt."""
    claude(home, permissions)
    gemini(home, permissions)
    codex(home, permissions, port)


def trust(home: Path, project: Path) -> None:
    """All three clients trust the folder; the rest of their files is left as it is by now."""
    state = home / ".claude.json"
    told = json.loads(state.read_text())
    # versions up to 2.0 crash where a project has no list of tools
    trusted = {"allowedTools": [], "hasTrustDialogAccepted": True}
    told.setdefault("projects", {}).setdefault(str(project), {}).update(trusted)
    put_json(state, told)
    folders = home / ".gemini/trustedFolders.json"
    known = json.loads(folders.read_text()) if folders.exists() else {}
    put_json(folders, {**known, str(project): "TRUST_FOLDER"})
    with open(home / ".codex/config.toml", "a", encoding="utf-8") as config:
        config.write(f'[projects."{project}"]\ntrust_level = "trusted"\n')


def put_json(path: Path, value: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def claude(home: Path, permissions: Permissions) -> None:
    put_json(
        home / ".claude.json",
        {
            "hasCompletedOnboarding": True,
            "customApiKeyResponses": {
                "approved": [KEYS["ANTHROPIC_API_KEY"][-20:]],
                "rejected": [],
            },
        },
    )
    # Manual mode by taking auto mode away: permissions.defaultMode in user settings would open an
    # offer of auto mode that eats the first prompt, and in project settings would litter projects.
    told = {
        Permissions.FREE: {"disableAutoMode": "disable", "allow": list(CLAUDE_TOOLS)},
        Permissions.ASK: {"disableAutoMode": "disable"},
        Permissions.STOCK: {},
    }[permissions]
    put_json(
        home / ".claude/settings.json",
        {"skipDangerousModePermissionPrompt": True, "permissions": told},
    )


def gemini(home: Path, permissions: Permissions) -> None:
    put_json(
        home / ".gemini/settings.json",
        {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
            "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
            "ui": {"hideTips": True, "hideBanner": True},
            "ide": {"hasSeenNudge": True},
            "model": {"disableLoopDetection": True},
        },
    )
    if permissions is Permissions.FREE:
        policy = home / ".gemini/policies/rig.toml"
        policy.parent.mkdir(parents=True, exist_ok=True)
        policy.write_text(
            "".join(
                f'[[rule]]\ntoolName = "{tool}"\ndecision = "allow"\npriority = 100\n{more}'
                for tool, more in GEMINI_TOOLS.items()
            )
        )


def codex(home: Path, permissions: Permissions, port: int) -> None:
    free = 'approval_policy = "never"\nsandbox_mode = "danger-full-access"\n'
    place = home / ".codex/config.toml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"""\
model = "mock-model"
model_provider = "rig"
check_for_update_on_startup = false
{free if permissions is Permissions.FREE else ""}\
[model_providers.rig]
name = "rig"
base_url = "http://127.0.0.1:{port}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
[analytics]
enabled = false
[tui]
screen_reader_detection_done = true
""")
