"""The W3C SPARQL suites, run over HTTP against a scratch dataset of this service."""
