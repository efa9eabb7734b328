"""How fast the service answers, beside other servers, in one run: `python -m tests.benchmarks`."""
