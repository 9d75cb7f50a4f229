"""Makes a virtual environment, even where Debian's python3 came without ensurepip.

python3 tools/make_venv.py .venv
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import venv
from pathlib import Path


def main(folder: Path) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - any python3 may be asked to run this
        sys.exit(
            f"osc needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}; "
            "name another one: make PYTHON=python3.12 …"
        )
    with_pip = importlib.util.find_spec("ensurepip") is not None
    venv.create(folder, clear=True, symlinks=True, with_pip=with_pip)
    if not with_pip:
        _bring_pip(folder / "bin" / "python")


def _bring_pip(python: Path) -> None:
    """Debian keeps pip's wheel in a package of its own; unpacked, it installs itself."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from osc.sandbox import debian
    from osc.sandbox.server import Unavailable

    try:
        wheels = debian.unpacked(("python3-pip-whl",)) / "usr/share/python-wheels"
    except Unavailable as reason:
        sys.exit(f"{reason}\nThere is no pip here: install python3-venv (as root), then try again.")
    wheel = next(wheels.glob("pip-*.whl"))
    subprocess.run([python, f"{wheel}/pip", "install", "-q", "--no-index", wheel], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
