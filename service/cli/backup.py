"""`marsad backup`, `restore` and `dump`: the store as a file, and as YAML; all of them while a service runs."""

import argparse
import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

from service.graph.dump import dump, left_out, write_files
from service.graph.ontology import read_ontology
from service.paths import data_dir, ontology_dir
from service.settings import Settings
from service.store.backup import back_up, restore, snapshot, verify

_STORE = "store"
# Lines of what YAML cannot say; more is another ontology, and no list to be read.
_MOST_LINES = 20
_BACKUP_EPILOG = """examples:
  marsad backup                               marsad-backup.tar.gz in this folder
  marsad backup --output /backups/today.tar

A service may run and take changes meanwhile: the backup is the graph at one version, with its whole history. It is read
back before the command ends. keys.json is not in it.
"""
_RESTORE_EPILOG = """examples:
  marsad restore marsad-backup.tar.gz --check      only say whether it is whole
  MARSAD_HOME=/srv/new marsad restore marsad-backup.tar.gz

Checks the sums of all files, the log, the number of quads and their fingerprint before anything appears. A store that is
there is never overwritten.
"""
_DUMP_EPILOG = """examples:
  marsad dump                      what was changed through the service, as a diff of data/; exit code 1 if anything
  marsad dump --output data/       the same, written

The YAML is in one canonical form; what is loaded and dumped changes no byte. Coverage ledgers are not touched.
"""


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `backup`, `restore` and `dump`."""
    raw = argparse.RawDescriptionHelpFormatter
    backup = subparsers.add_parser(
        "backup",
        help="copy the store to a file, also while it is served",
        description="Copy the store with its whole history to a file, also while it is served.",
        epilog=_BACKUP_EPILOG,
        formatter_class=raw,
    )
    backup.add_argument(
        "--output", type=Path, default=Path("marsad-backup.tar.gz"), metavar="FILE", help="default marsad-backup.tar.gz"
    )
    backup.set_defaults(run=run_backup)
    back = subparsers.add_parser(
        "restore",
        help="make a store from a backup",
        description="Make the store under MARSAD_HOME from a backup.",
        epilog=_RESTORE_EPILOG,
        formatter_class=raw,
    )
    back.add_argument("file", type=Path, help="what `marsad backup` wrote")
    back.add_argument("--check", action="store_true", help="check the backup and make nothing")
    back.set_defaults(run=run_restore)
    dumped = subparsers.add_parser(
        "dump",
        help="write the graph back as the YAML of data/",
        description="Write what the store under MARSAD_HOME says as the YAML of data/, or what differs from it.",
        epilog=_DUMP_EPILOG,
        formatter_class=raw,
    )
    dumped.add_argument("--output", type=Path, metavar="DIR", help="write the files there instead of printing a diff")
    dumped.set_defaults(run=run_dump)


def run_backup(arguments: argparse.Namespace, settings: Settings) -> int:
    """Write a backup."""
    made = back_up(settings.home / _STORE, arguments.output)
    size = arguments.output.stat().st_size
    print(f"{arguments.output}: version {made.version}, {made.quads:,} quads, {size:,} bytes, read back")
    return 0


def run_restore(arguments: argparse.Namespace, settings: Settings) -> int:
    """Make a store from a backup, or only check it."""
    directory = settings.home / _STORE
    held = verify(arguments.file) if arguments.check else restore(arguments.file, directory)
    what = "is whole" if arguments.check else f"restored to {directory}"
    print(f"{arguments.file} {what}: version {held.version}, {held.quads:,} quads")
    return 0


def run_dump(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print what differs from `data/`, or write the files; exit code 1 if something differs or cannot be said."""
    ontology = ontology_dir(settings)
    with snapshot(settings.home / _STORE) as found:
        present = list(found.quads)
    files = dump(present, read_ontology(ontology, base=settings.base))
    missing = left_out(present, files, ontology, base=settings.base)
    if arguments.output is not None:
        for line in write_files(files, arguments.output):
            print(line)
        differs = False
    else:
        diff = list(_diff(files, data_dir(settings)))
        sys.stdout.writelines(diff)
        differs = bool(diff)
    for line in missing[:_MOST_LINES]:
        print(f"marsad: YAML cannot say {line}", file=sys.stderr)
    if len(missing) > _MOST_LINES:
        print(f"marsad: and {len(missing) - _MOST_LINES} more subjects", file=sys.stderr)
    return 1 if differs or missing else 0


def _diff(files: dict[str, str], data: Path) -> Iterator[str]:
    there = {path.relative_to(data).as_posix() for path in [*data.glob("entities*.yaml"), *data.glob("facts/*.yaml")]}
    for name in sorted({*files, *there}):
        path = data / name
        before = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        after = files.get(name, "").splitlines(keepends=True)
        yield from difflib.unified_diff(before, after, f"a/data/{name}", f"b/data/{name}")
