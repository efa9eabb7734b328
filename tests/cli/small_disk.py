"""A service whose state is on a disk of its own: small, so that it can be filled, and able to be made read-only.

The disk is a tmpfs in a mount namespace that nobody else sees; the kernel lets any user have one where user namespaces
are allowed. Run as a program, this is the process inside; `Disk` is how a test speaks to it.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]
_BLIND = (
    "import sys; from service.store import embedded; embedded._refuse_if_full = lambda *_: None; "
    "from service.cli import main; sys.exit(main(sys.argv[1:]))"
)
_PAGE = b"\0" * 4096


def why_not(folder: Path) -> str:
    """Why there can be no such disk here; empty where there can."""
    if shutil.which("unshare") is None:
        return "there is no `unshare` (Debian: util-linux)"
    tried = subprocess.run(
        [*_UNSHARE, "mount", "-t", "tmpfs", "none", str(folder)], capture_output=True, text=True, check=False
    )
    return f"the kernel allows no mount in a user namespace: {tried.stderr.strip()}" if tried.returncode else ""


class Disk:
    """A disk mounted on a folder, for the processes that it starts alone."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process, self.folder = process, folder

    def tell(self, command: str, **values: object) -> Any:
        """Have the process inside do something; its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([command, values]), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def serve(self) -> str:
        """Start the service with its state on the disk; its address."""
        found = self.tell("serve")
        assert "address" in found, found
        return str(found["address"])

    def refuse(self) -> str:
        """Start the service, which has to end with exit code 1 or 2; what it says."""
        found = self.tell("serve")
        assert found.get("code") in (1, 2), found
        return str(found["said"])


@contextmanager
def mounted(folder: Path, megabytes: int, environment: Mapping[str, str]) -> Iterator[Disk]:
    """A disk of so many megabytes on `folder`; services on it have this environment."""
    command = [*_UNSHARE, sys.executable, "-m", "tests.cli.small_disk", str(folder), str(megabytes)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ) as process:
        yield Disk(process, folder)
        assert process.stdin is not None
        process.stdin.close()


class _Inside:
    """The process inside the namespace."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._ballast = folder, folder / "ballast"
        self._service: subprocess.Popen[str] | None = None
        self._said: list[str] = []

    def mount(self, options: str) -> None:
        """Mount the disk, or mount it again with other options."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(self._folder)], check=True)

    def serve_blindly(self) -> dict[str, object]:
        """Start the service as it is where others take the space in the moment after it looked how much is left."""
        return self.serve(blindly=True)

    def serve(self, *, blindly: bool = False) -> dict[str, object]:
        """Start the service; its address, or its exit code and what it said."""
        self._said = []
        self._service = subprocess.Popen(
            [sys.executable, *(["-c", _BLIND] if blindly else ["-m", "service"]), "serve", "--port", "0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "MARSAD_HOME": str(self._folder / "home")},
        )  # fmt: skip
        assert self._service.stderr is not None
        for line in self._service.stderr:
            self._said.append(line)
            if "http://" in line:
                address = line[line.index("http://") :].split()[0].rstrip("/")
                threading.Thread(target=self._said.extend, args=(self._service.stderr,), daemon=True).start()
                return {"address": address}
        return self.ended()

    def ended(self) -> dict[str, object]:
        """The end of the service."""
        assert self._service is not None
        code = self._service.wait()
        self._service = None
        return {"code": code, "said": "".join(self._said)}

    def stop(self, *, kill: bool = False) -> dict[str, object]:
        """Stop the service."""
        assert self._service is not None
        if kill:
            self._service.kill()
        else:
            self._service.terminate()
        return self.ended()

    def key(self) -> str:
        """A new key that may write."""
        made = subprocess.run(
            [sys.executable, "-m", "service", "key", "new", "ann", "--scope", "write"],
            capture_output=True, text=True, check=True, env={**os.environ, "MARSAD_HOME": str(self._folder / "home")},
        )  # fmt: skip
        return next(word for word in made.stdout.split() if "." in word)

    def fill(self, *, but_bytes: int = 0) -> int:
        """Use up all that is left, but so much; how many bytes that were."""
        before = self._ballast.stat().st_size if self._ballast.exists() else 0
        with self._ballast.open("ab", buffering=0) as file:
            with contextlib.suppress(OSError):  # no space left on the device
                while True:
                    file.write(_PAGE)
            size = file.tell()
            file.truncate(max(0, size - but_bytes))
        return size - before

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink()

    def files(self) -> dict[str, int]:
        """The files of the store, with their sizes."""
        store = self._folder / "home" / "store"
        return {str(path.relative_to(store)): path.stat().st_size for path in store.rglob("*") if path.is_file()}

    def remount(self, *, options: str) -> str:
        """Mount the disk again with other options; what stands against it."""
        done = subprocess.run(
            ["mount", "-o", f"remount,{options}", str(self._folder)], capture_output=True, text=True, check=False
        )
        return done.stderr.strip()


def main(folder: Path, megabytes: int) -> None:
    """Do what the lines of standard input say, until it ends."""
    inside = _Inside(folder)
    inside.mount(f"size={megabytes}m")
    for line in sys.stdin:
        command, values = json.loads(line)
        print(json.dumps(getattr(inside, command)(**values)), flush=True)
    with contextlib.suppress(AssertionError):
        inside.stop(kill=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
