"""The peers' command lines, read as the `osc run` that does the same."""
