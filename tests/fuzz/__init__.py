"""Random tables, ALTERs and writes, judged by the native ALTER on a twin; and processes that die."""
