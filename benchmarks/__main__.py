"""`python -m benchmarks`: all of them."""

from benchmarks.bench import main

main()
