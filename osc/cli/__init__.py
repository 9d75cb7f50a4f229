"""The command line: words are parsed, one function of `migration` is called, its result shown."""

from osc.cli import changing, habits, steering, telling, watching
from osc.cli.group import main, osc

__all__ = ["changing", "habits", "main", "osc", "steering", "telling", "watching"]
