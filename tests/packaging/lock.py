"""Write the lock files: every package with its version and hashes, and no address.

`python -m tests.packaging.lock` (or `make lock`) asks the installer's own index for what `pyproject.toml` needs;
`--universal` makes one file hold for every platform and Python from 3.11 on.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What an editable installation without build isolation needs beside the dependencies themselves.
BUILD = ("hatchling==1.27.0", "editables==0.5")
SERVE = ROOT / "service" / "requirements.lock"
TEST = ROOT / "tests" / "requirements.lock"
# The server that `make bench` compares with, in an environment of its own; what both need is of our versions.
PEER = ("rdflib-endpoint[cli]==0.6.3",)
BENCH = ROOT / "tests" / "benchmarks" / "requirements.lock"


def compile_lock(output: Path, *sources: str, needs: Sequence[str]) -> None:
    """Resolve `needs` and what `sources` name into `output`; versions already locked stay unless they no longer fit."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    command += ["--output-file", str(output), *sources, "-"]
    subprocess.run(command, cwd=ROOT, check=True, text=True, input="\n".join(needs), stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    compile_lock(SERVE, "pyproject.toml", needs=BUILD)
    compile_lock(TEST, "pyproject.toml", "--extra=test", needs=BUILD)
    compile_lock(BENCH, f"--constraints={SERVE}", needs=PEER)
