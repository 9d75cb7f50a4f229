"""`python -m osc` is the command `osc`."""

from __future__ import annotations

from osc.start import main

main()
