"""`marsad serve`: compile, validate, load and serve the graph."""

import argparse
import asyncio
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

from service.settings import Settings, settings_table

_EPILOG = """examples:
  marsad serve                               the project's graph on http://127.0.0.1:8000/
  marsad serve --port 0                      on a free port, which is printed
  marsad serve --dataset graph.nt other.ttl.gz     any RDF, without the project's prefixes
  marsad serve --dataset folder/ --writable  the same, changed by SPARQL Update and the Graph Store Protocol

Settings come from the environment; `marsad settings` lists them.
"""


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `serve` and `settings`."""
    raw = argparse.RawDescriptionHelpFormatter
    serve = subparsers.add_parser(
        "serve", help="serve the graph", description=__doc__, epilog=_EPILOG, formatter_class=raw
    )
    serve.add_argument("--host", help="address to listen on (MARSAD_HOST, default 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on, 0 for a free one (PORT, default 8000)")
    serve.add_argument("--home", type=Path, help="directory of the state (MARSAD_HOME)")
    serve.add_argument("--documents", type=Path, help="folder with the texts of the documents (MARSAD_DOCUMENTS)")
    serve.add_argument(
        "--dataset", type=Path, nargs="+", metavar="PATH", help="serve these RDF files instead of the project's graph"
    )
    serve.add_argument("--writable", action="store_true", help="with --dataset, on loopback: allow updates")
    serve.set_defaults(run=run_serve)
    settings = subparsers.add_parser(
        "settings", help="list the environment variables", description="Every setting: variable, default, meaning."
    )
    settings.set_defaults(run=run_settings)


def run_serve(arguments: argparse.Namespace, settings: Settings) -> int:
    """Serve until interrupted."""
    given = {name: getattr(arguments, name) for name in ("host", "port", "home", "documents")}
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if arguments.dataset:
        from service.dataset import serve_dataset

        if not os.environ.get("MARSAD_DEFAULT_GRAPH"):
            settings = replace(settings, default_graph="default")  # what a dataset of others means by it
        return asyncio.run(serve_dataset(settings, arguments.dataset, writable=arguments.writable, progress=say))
    from service.app import serve_project

    return asyncio.run(serve_project(settings, progress=say))


def run_settings(_: argparse.Namespace, __: Settings) -> int:
    """Print the table of settings."""
    for variable, default, about in settings_table():
        print(f"{variable:24} {default:24} {about}")
    return 0


def say(what: str, how_many: str, seconds: float) -> None:
    """One line of progress on stderr."""
    print(f"marsad: {what:10} {how_many:60} {seconds:6.2f} s", file=sys.stderr, flush=True)
