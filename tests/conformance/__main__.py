"""`python -m tests.conformance SUITES`: run the suites and print counts, and what differs from the floor."""

import sys
import tempfile
from pathlib import Path

from tests.conformance.service_under_test import empty_dataset, floor, run_suites


def main(suites: Path) -> int:
    """Print the outcome; the exit code is 1 if it is not the floor."""
    with tempfile.TemporaryDirectory() as name, empty_dataset(Path(name)) as address:
        report = run_suites(suites, address, Path(name) / "report.json")
    held = floor()
    print(f"{'suite':14} {'passed':>6} {'floor':>6} {'tests':>6}")
    for suite, row in held["suites"].items():
        found = report["suites"][suite]
        print(f"{suite:14} {found['pass']:6} {row['passed']:6} {found['total']:6}")
    failures = {entry["id"]: entry["reason"] for entry in report["failures"]}
    unknown, mended = failures.keys() - held["failures"].keys(), held["failures"].keys() - failures.keys()
    for name in sorted(unknown):
        print(f"fails, and is not accepted: {name}: {failures[name]}")
    for name in sorted(mended):
        print(f"passes, and is listed as a failure: {name}")
    return 1 if unknown or mended else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
