"""The `marsad` command: one module for each family of subcommands."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from service import __version__
from service.errors import MarsadError
from service.settings import Settings

# The module of each command, in the order of the help. Reading all of them takes two seconds, one a tenth of that.
MODULES = {
    **dict.fromkeys(("serve", "settings"), "serve"),
    **dict.fromkeys(("query", "show", "counts", "search", "load"), "queries"),
    **dict.fromkeys(("locate", "resolve", "verify", "coverage", "check", "schema", "review"), "facts"),
    **dict.fromkeys(("export", "verify-export"), "exports"),
    **dict.fromkeys(("backup", "restore", "dump"), "backup"),
    **dict.fromkeys(("log", "diff", "undo"), "changes"),
    "key": "keys",
}

_EPILOG = """examples:
  marsad serve                          compile, validate and serve the graph on http://127.0.0.1:8000/
  marsad query 'SELECT ?post WHERE { id:nasser-bourita marsad:heldPost ?post }'
  marsad check                          compile the facts and hold them against the shapes
  marsad export --output graph/         every file of the graph, with a manifest

`marsad COMMAND --help` shows the options and examples of a command; `marsad settings` lists the environment variables.
"""


def parser(word: str | None = None) -> argparse.ArgumentParser:
    """The argument parser with every subcommand registered, or, if `word` is one, those of its module."""
    root = argparse.ArgumentParser(
        prog="marsad",
        description="A knowledge graph service in which every fact has a source.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"marsad {__version__}")
    subparsers = root.add_subparsers(metavar="COMMAND", required=True)
    for name in dict.fromkeys([MODULES[word]] if word in MODULES else MODULES.values()):
        import_module(f"service.cli.{name}").register(subparsers)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 when it did what was asked, 1 on an error, 2 on wrong usage."""
    words = sys.argv[1:] if arguments is None else arguments
    parsed = parser(next(iter(words), None)).parse_args(words)
    try:
        code: int = parsed.run(parsed, Settings.from_environment(os.environ))
        sys.stdout.flush()
    except MarsadError as error:
        print(f"marsad: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return code
