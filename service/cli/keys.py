"""`marsad key`: make, list and revoke the keys of those who may change the graph."""

import argparse
from datetime import UTC, date, datetime, time

from service.graph.keys import SCOPES, Keys
from service.settings import Settings

_EPILOG = """examples:
  marsad key new ann --scope write                        prints the key, this one time
  marsad key new backup-job --scope read --expires 2027-01-01
  marsad key list
  marsad key revoke 5f0c9a21

Send it as `Authorization: Bearer id.secret`. The name stands beside every change in the history. Scopes: read (only asked
for with MARSAD_READ_KEYS=1), write (changes), admin (everything); each holds those before it. A service that runs needs
no restart. Keys lie in keys.json under MARSAD_HOME, as SHA-256 of their secrets.
"""


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `key` with `new`, `list` and `revoke`."""
    raw = argparse.RawDescriptionHelpFormatter
    key = subparsers.add_parser(
        "key", help="make, list and revoke keys", description=__doc__, epilog=_EPILOG, formatter_class=raw
    )
    commands = key.add_subparsers(metavar="new|list|revoke", required=True)
    new = commands.add_parser("new", help="make a key and print it, once", epilog=_EPILOG, formatter_class=raw)
    new.add_argument("name", help="whose it is: letters, digits, `.`, `_`, `-`; the agent of the changes")
    new.add_argument("--scope", choices=SCOPES, required=True, help="what it is good for")
    new.add_argument("--expires", type=_midnight, metavar="YYYY-MM-DD", help="first day (UTC) on which it is refused")
    new.set_defaults(run=run_new)
    listed = commands.add_parser("list", help="list the keys, without their secrets")
    listed.set_defaults(run=run_list)
    revoke = commands.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument(
        "which", metavar="ID|NAME", help="one key, or all keys of a name, as `marsad key list` shows them"
    )
    revoke.set_defaults(run=run_revoke)


def _midnight(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), time(), UTC)


def run_new(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print a new key."""
    print(Keys(settings.home).new(arguments.name, arguments.scope, expires=arguments.expires))
    return 0


def run_list(_: argparse.Namespace, settings: Settings) -> int:
    """Print what is kept of each key."""
    keys, now = Keys(settings.home).all(), datetime.now(UTC)
    print(f"{'id':<10}{'scope':<7}{'state':<9}{'created':<12}{'expires':<12}name")
    for key in keys:
        expires = key.expires[:10] or "never"
        print(f"{key.id:<10}{key.scope:<7}{key.state(now):<9}{key.created[:10]:<12}{expires:<12}{key.name}")
    return 0


def run_revoke(arguments: argparse.Namespace, settings: Settings) -> int:
    """Revoke a key."""
    for key in Keys(settings.home).revoke(arguments.which):
        print(f"{key.id} ({key.name}) is revoked")
    return 0
