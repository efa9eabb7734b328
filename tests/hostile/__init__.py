"""Requests that mean harm, as a table of cases, and what runs them against any SPARQL endpoint on this machine.

python -m tests.hostile                                          Marsad itself, started with low limits
python -m tests.hostile --target http://127.0.0.1:7878/query     another endpoint; see --help
"""
