"""Marsad: a knowledge graph service in which every fact has a source."""

__version__ = "0.1.0"
