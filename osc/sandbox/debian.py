"""Debian packages unpacked into the cache, with all their libraries, without installing them."""

from __future__ import annotations

import logging
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from osc.sandbox import folders
from osc.sandbox.server import Unavailable, version_in

log = logging.getLogger(__name__)

KEYRINGS = Path("/usr/share/keyrings")
TARGETS = "$(CREATED_BY) $(ORIGIN) $(RELEASE) $(COMPONENT) $(REPO_URI)"
BEFORE_THE_FIRST_UPDATE = ("--no-release-info", "-o", "APT::Get::IndexTargets::OnlyPresent=false")
NOT_NEEDED = (
    "./usr/share/doc",
    "./usr/share/man",
    "./usr/share/locale",
    "./usr/share/perl",
    "./usr/lib/*/perl",
    "./usr/lib/*/gconv",
)

# Given with -c, so that it is read after the machine's own configuration (proxies, trusted
# keys) and can take back the hooks found there, which would touch the machine's own caches.
CONFIGURATION = """
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
APT::Sandbox::User "";
APT::Install-Recommends "false";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Log "{folder}";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
"""


@dataclass(frozen=True)
class Target:
    """One index apt is configured to read, as `apt-get indextargets` shows it."""

    created_by: str
    origin: str
    release: str
    component: str
    uri: str

    def is_main_archive(self, origin: str) -> bool:
        """Whether it is the distribution itself, not its updates or security fixes.

        Before the first `apt-get update` apt does not know an origin and shows "$(ORIGIN)".
        """
        ours = self.origin == origin or self.origin.startswith("$")
        packages = self.created_by == "Packages" and self.component == "main"
        return ours and packages and "-" not in self.release


@dataclass(frozen=True)
class Archive:
    """The machine's main package archive."""

    origin: str
    suite: str
    uri: str

    def source(self, suite: str | None) -> str:
        keyring = KEYRINGS / f"{self.origin.lower()}-archive-keyring.gpg"
        signed_by = f"[signed-by={keyring}] " if keyring.exists() else ""
        components = "main universe" if self.origin == "Ubuntu" else "main"
        return f"deb {signed_by}{self.uri} {suite or self.suite} {components}\n"


def unpacked(packages: Sequence[str], suite: str | None = None) -> Path:
    """The root of a tree with `packages` in it; they stay as they are until it is removed.

    Without a suite they come from the machine's own.
    """

    def build(root: Path) -> None:
        _bring(packages, suite, root)

    return folders.built_once(_name(packages, suite), build)


def is_unpacked(packages: Sequence[str], suite: str | None = None) -> bool:
    return (folders.cache() / _name(packages, suite)).is_dir()


def reason_against(suite: str | None = None) -> str | None:
    """Why nothing can be fetched here, if so."""
    try:
        archive = _archive()
    except Unavailable as reason:
        return str(reason)
    if suite is not None and archive.origin != "Debian":
        return f"{archive.origin} has no suite {suite}"
    return None


def candidate(package: str) -> str | None:
    """The version the machine's own suite would give, as far as apt knows without asking."""
    if shutil.which("apt-cache") is None:
        return None
    shown = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True)
    found = re.search(r"Candidate: (?:\d+:)?(\d\S*)", shown.stdout)
    return version_in(found[1]) if found else None


def command(root: Path, program: str) -> tuple[str, ...]:
    """How to call a program of the tree with the loader and the libraries of the tree."""
    loaders = root.glob("usr/lib/*/ld-linux-*.so.*")
    loader = next(loaders, None)
    if loader is None:
        raise Unavailable(f"{root} has no dynamic loader; remove it, and it is fetched again")
    libraries = f"{loader.parent}:{loader.parent}/mysql"
    return (str(loader), "--library-path", libraries, str(root / program))


def _name(packages: Sequence[str], suite: str | None) -> str:
    return f"{packages[0]}-{suite or 'own-suite'}-{platform.machine()}"


def _bring(packages: Sequence[str], suite: str | None, root: Path) -> None:
    reason = reason_against(suite)
    if reason is not None:
        raise Unavailable(
            f"{packages[0]} can't be fetched: {reason}; install a server, or use one you have"
        )
    archive = _archive()
    log.info("bringing %s out of %s %s", packages[0], archive.origin, suite or archive.suite)
    with folders.temporary("apt") as folder:
        _configure(folder, archive.source(suite))
        _apt(folder, "update")
        _apt(folder, "install", "--yes", "--download-only", *packages, "libc6")
        _unpack(sorted(folder.glob("cache/archives/*.deb")), root)


def _archive() -> Archive:
    origin = _distribution()
    for target in _targets() or _targets(*BEFORE_THE_FIRST_UPDATE):
        if target.is_main_archive(origin):
            return Archive(origin, target.release, target.uri)
    raise Unavailable(f"apt knows no {origin} archive (apt-get indextargets)")


def _distribution() -> str:
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise Unavailable("no Debian or Ubuntu (apt-get and dpkg-deb are missing)")
    name = platform.freedesktop_os_release().get("ID", "")
    if name not in ("debian", "ubuntu"):
        raise Unavailable(f"no Debian or Ubuntu (it calls itself {name!r})")
    return name.capitalize()


def _targets(*options: str) -> list[Target]:
    listing = ["apt-get", *options, "indextargets", "--format", TARGETS]
    shown = subprocess.run(listing, capture_output=True, text=True)
    lines = (line.split() for line in shown.stdout.splitlines())
    return [Target(*fields) for fields in lines if len(fields) == 5]


def _configure(folder: Path, source: str) -> None:
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(source)
    (folder / "apt.conf").write_text(CONFIGURATION.replace("{folder}", str(folder)))


def _apt(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        ["apt-get", "-q", "-c", str(folder / "apt.conf"), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise Unavailable(f"apt-get {' '.join(arguments)} failed:\n{done.stdout[-2000:]}")


def _unpack(archives: Sequence[Path], root: Path) -> None:
    for name in ("lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for archive in archives:
        _unpack_one(archive, root)


def _unpack_one(archive: Path, root: Path) -> None:
    exclude = [f"--exclude={pattern}" for pattern in NOT_NEEDED]
    extract = ["tar", "-x", "--keep-directory-symlink", "--no-same-owner", *exclude]
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE
    ) as opened:
        subprocess.run([*extract, "-C", str(root)], stdin=opened.stdout, check=True)
    if opened.returncode != 0:
        raise Unavailable(f"{archive.name} can't be unpacked")
