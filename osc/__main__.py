"""`python -m osc` is the command `osc`."""

from __future__ import annotations

from osc.cli import main

main()
