"""The clients' own settings, so that each comes up at its empty prompt with no dialog.

What each needs is in the notes on the clients (claude 2.1.330 and 2.1.197, gemini 0.61.0,
codex 0.169.0). Nothing here knows of hcom.
"""
import json
from pathlib import Path

KEYS = {"ANTHROPIC_API_KEY": "rig-dummy-key-for-claude-0123456789",
        "GEMINI_API_KEY": "rig-dummy-key-for-gemini", "OPENAI_API_KEY": "rig-dummy-key-for-codex"}
QUIET = {"DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1", "DISABLE_AUTOUPDATER": "1"}


def environment(port: int) -> dict[str, str]:
    """The variables that point every client at the model servers on `port`."""
    url = f"http://127.0.0.1:{port}"
    return {**KEYS, **QUIET, "ANTHROPIC_BASE_URL": url, "GOOGLE_GEMINI_BASE_URL": url}


def write(home: Path, projects: list[Path], port: int) -> None:
    """All three clients are set up in `home`, every project is trusted, tools run unasked."""
    claude(home, projects)
    gemini(home, projects)
    codex(home, projects, port)


def put_json(path: Path, value: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def claude(home: Path, projects: list[Path]) -> None:
    put_json(home / ".claude.json", {
        "hasCompletedOnboarding": True,
        "customApiKeyResponses": {"approved": [KEYS["ANTHROPIC_API_KEY"][-20:]], "rejected": []},
        "projects": {str(project): {"hasTrustDialogAccepted": True} for project in projects}})
    put_json(home / ".claude/settings.json", {
        "skipDangerousModePermissionPrompt": True,
        # no defaultMode here: in user settings it opens an offer that eats the first prompt
        "permissions": {"allow": ["Bash", "Write", "Edit", "Read"]}})


def gemini(home: Path, projects: list[Path]) -> None:
    put_json(home / ".gemini/settings.json", {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False}, "telemetry": {"enabled": False},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "ui": {"hideTips": True, "hideBanner": True}, "ide": {"hasSeenNudge": True},
        "model": {"disableLoopDetection": True}})
    put_json(home / ".gemini/trustedFolders.json",
             {str(project): "TRUST_FOLDER" for project in projects})
    policy = home / ".gemini/policies/rig.toml"
    policy.parent.mkdir(parents=True, exist_ok=True)
    policy.write_text("".join(
        f'[[rule]]\ntoolName = "{tool}"\ndecision = "allow"\npriority = 100\n{more}'
        for tool, more in (("run_shell_command", "allowRedirection = true\n"), ("write_file", ""),
                           ("replace", ""), ("invoke_agent", ""))))


def codex(home: Path, projects: list[Path], port: int) -> None:
    trust = "".join(f'[projects."{project}"]\ntrust_level = "trusted"\n' for project in projects)
    place = home / ".codex/config.toml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"""\
model = "mock-model"
model_provider = "rig"
check_for_update_on_startup = false
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.rig]
name = "rig"
base_url = "http://127.0.0.1:{port}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
[analytics]
enabled = false
[tui]
screen_reader_detection_done = true
{trust}""")
