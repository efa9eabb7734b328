"""`marsad log`, `diff` and `undo`: what was changed, by whom, and back."""

import argparse
import asyncio
import getpass
import json
import re
import sys
from dataclasses import dataclass

from service.app import open_project
from service.errors import NotFound
from service.graph.changes import Author
from service.graph.history import difference
from service.graph.outcome import delta_json
from service.settings import Settings
from service.store.base import n_quads
from service.store.log import ChangeLog

_LOG_EPILOG = """examples:
  marsad log                       the last 20 changes, the latest first
  marsad log --limit 100 --json    the same for programs
  marsad log 7                     one change as an RDF Patch

A service may run meanwhile.
"""
_DIFF_EPILOG = """examples:
  marsad diff 3 7                  what leads from version 3 to version 7, as lines of N-Quads with - or + before them
  marsad diff 7 0                  what would lead back to the sources
"""
_UNDO_EPILOG = """examples:
  marsad undo 7 --message "Wrong document"
  marsad undo 7 --dry-run          only say what would change

The undoing is a change of its own and passes the same checks. Where a service runs, ask that one:
POST /api/v1/changes/7/undo with a key.
"""


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `log`, `diff` and `undo`."""
    raw = argparse.RawDescriptionHelpFormatter
    log = subparsers.add_parser(
        "log",
        help="list what was changed",
        description="The changes of the graph under MARSAD_HOME: when, by whom, how much.",
        epilog=_LOG_EPILOG,
        formatter_class=raw,
    )
    log.add_argument("version", type=int, nargs="?", help="one change, with its quads")
    log.add_argument("--limit", type=int, default=20, help="how many changes (default 20)")
    log.add_argument("--json", action="store_true", help="one JSON object for each change")
    log.set_defaults(run=run_log)
    diff = subparsers.add_parser(
        "diff",
        help="say what leads from one version to another",
        description="The quads that lead from one version of the graph to another.",
        epilog=_DIFF_EPILOG,
        formatter_class=raw,
    )
    diff.add_argument("before", type=int, help="a version; 0 is the graph of the sources")
    diff.add_argument("after", type=int, help="another version, later or earlier")
    diff.add_argument("--json", action="store_true", help="the same as one JSON object")
    diff.set_defaults(run=run_diff)
    undo = subparsers.add_parser(
        "undo",
        help="reverse a change",
        description="Reverse one change of the graph under MARSAD_HOME.",
        epilog=_UNDO_EPILOG,
        formatter_class=raw,
    )
    undo.add_argument("version", type=int, help="the change to reverse")
    undo.add_argument("--message", default="", help="why")
    undo.add_argument("--as", dest="agent", default="", help="who does it (default: the name of the user)")
    undo.add_argument("--dry-run", action="store_true", help="only say what would change")
    undo.set_defaults(run=run_undo)


@dataclass(frozen=True)
class _Past:
    """The log of a store that may be served by another process."""

    log: ChangeLog

    @property
    def version(self) -> int:
        """The last change."""
        return self.log.last


def _past(settings: Settings) -> _Past:
    path = settings.home / "store" / "changes.log"
    if not path.is_file():
        raise NotFound(f"there is no store under {settings.home}; `marsad load` or `marsad serve` makes one")
    return _Past(ChangeLog(path, writable=False))


def run_log(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the history, or one change."""
    log = _past(settings).log
    try:
        if arguments.version is not None:
            patch = log.patch(arguments.version)
            if patch is None:
                raise NotFound(f"there is no change {arguments.version}; the last one is {log.last}")
            sys.stdout.buffer.write(patch)
            return 0
        for entry in log.latest(most=arguments.limit):
            facts = {"version": entry.version, **entry.about, "removed": entry.removed, "added": entry.added}
            if arguments.json:
                print(json.dumps(facts, ensure_ascii=False))
                continue
            who, when = entry.about.get("agent", ""), entry.about.get("time", "")
            size = f"-{entry.removed} +{entry.added}"
            print(f"{entry.version:>6}  {when:20}  {who:16}  {size:>14}  {entry.about.get('message', '')}")
        return 0
    finally:
        log.close()


def run_diff(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what leads from one version to another."""
    past = _past(settings)
    try:
        delta = difference(past, arguments.before, arguments.after)
    finally:
        past.log.close()
    if arguments.json:
        facts = {"from": arguments.before, "to": arguments.after, "delta": delta_json(delta)}
        print(json.dumps(facts, ensure_ascii=False))
        return 0
    for mark, quads in (("-", delta.removed), ("+", delta.added)):
        for line in n_quads(sorted(quads, key=str)).decode().split("\n")[:-1]:
            print(mark, line)
    return 0


def run_undo(arguments: argparse.Namespace, settings: Settings) -> int:
    """Reverse a change."""
    return asyncio.run(_undo(arguments, settings))


async def _undo(arguments: argparse.Namespace, settings: Settings) -> int:
    _past(settings).log.close()
    name = arguments.agent or re.sub(r"[^A-Za-z0-9._-]", "-", getpass.getuser())
    async with open_project(settings, lambda *_: None) as context:
        assert context.changes is not None, "the project's own graph is changed by its owner"
        outcome = await context.changes.undo(
            arguments.version, by=Author(name), message=arguments.message, dry_run=arguments.dry_run
        )
    removed, added = len(outcome.delta.removed), len(outcome.delta.added)
    if arguments.dry_run:
        print(f"change {arguments.version} can be undone: {removed} quads would go, {added} would come")
    else:
        print(f"change {arguments.version} is undone by change {outcome.version}: -{removed} +{added}")
    return 0
