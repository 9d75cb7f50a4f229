"""Random tables, ALTERs and writes, judged by a twin; and processes that die."""
