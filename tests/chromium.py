"""The browser that the tests look through: one that is here already, or one fetched for them.

The one idea: a browser counts only when it answers `--version`. Some systems keep a program of that name that merely
asks to be installed, and a download that broke off leaves a file too.

    python -m tests.chromium     find one or install one; ends with an error when neither works

Tests call `path()` and hand it to Playwright as `executable_path`. Looked at in this order: the file the environment
variable CHROMIUM names, Chromium or Chrome on PATH and in /usr/bin, and the one Playwright keeps for itself.
"""

from __future__ import annotations

import functools
import html
import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import noto_cjk_sans_jp_regular

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The font has every weight; that of `environment`, which stands in for it, has one.
DEBIAN_PACKAGES = ("chromium", "fonts-noto-cjk")
FONTS_TOLD = Path(__file__).parents[1] / ".cache" / "fonts.conf"
ANSWER_SECONDS = 60


class Missing(RuntimeError):
    """No browser answers; the message says what was tried and what would help."""


@functools.cache
def path() -> str:
    """The browser's program file. Raises `Missing`; never installs anything."""
    tried = []
    for candidate in _candidates():
        if version(candidate):
            return candidate
        tried.append(candidate)
    raise Missing(
        "No Chromium answers here"
        + (f" (tried {', '.join(tried)})" if tried else "")
        + ". Let CHROMIUM name one, install the system's package, or run `python -m playwright install chromium`."
    )


def environment() -> dict[str, str]:
    """What a browser is started with: our own, and the Japanese font of the PDFs beside those the system has.

    Without one every Japanese word is a row of empty boxes. Where fonts are not found by fontconfig (macOS, Windows)
    the system brings one, and the variable means nothing.
    """
    folder = Path(noto_cjk_sans_jp_regular.__file__).parent
    told = (
        "<fontconfig><include ignore_missing='yes'>/etc/fonts/fonts.conf</include>"
        f"<dir>{html.escape(str(folder))}</dir></fontconfig>"
    )
    if not FONTS_TOLD.exists() or FONTS_TOLD.read_text() != told:  # others may be reading it
        FONTS_TOLD.parent.mkdir(exist_ok=True)
        FONTS_TOLD.write_text(told)
    return os.environ | {"FONTCONFIG_FILE": str(FONTS_TOLD)}


def version(program: str) -> str:
    """Such as "Chromium 156.0.7777.0", or "" for what is no working browser."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=ANSWER_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    name = answer.stdout.strip()
    return name if answer.returncode == 0 and "chrom" in name.lower() else ""


def install() -> None:
    """Fetch a browser: the system's own where we may install packages, otherwise the one Playwright offers."""
    may_install = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")
    if may_install:
        print("browser: installing", *DEBIAN_PACKAGES, flush=True)
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", *DEBIAN_PACKAGES]):
            if not _succeeds(["apt-get", "-qq", *arguments], quiet):
                break
        else:
            path.cache_clear()
            return
    print("browser: fetching Playwright's own", flush=True)
    _choose_keeping_place()
    libraries = ["--with-deps"] if may_install else []
    _succeeds([sys.executable, "-m", "playwright", "install", *libraries, "chromium"], dict(os.environ))
    path.cache_clear()


def main() -> int:
    """Find or install, say which; the exit code is 1 when there is no browser in the end."""
    try:
        found = path()
    except Missing:
        if os.environ.get("CHROMIUM"):
            print(f"browser: CHROMIUM={os.environ['CHROMIUM']} is no working browser", file=sys.stderr)
            return 1
        install()
        try:
            found = path()
        except Missing as missing:
            print(f"browser: {missing}", file=sys.stderr)
            return 1
    print(f"browser: {version(found)}, {found}")
    return 0


def _candidates() -> Iterator[str]:
    named = os.environ.get("CHROMIUM")
    if named:
        # Who names one wants that one, or to hear that it does not work.
        yield named
        return
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/bin"])
    for name in NAMES:
        found = shutil.which(name, path=search)
        if found:
            yield found
    kept = _playwrights()
    if kept and kept.exists():
        yield str(kept)


def _playwrights() -> Path | None:
    """Where Playwright keeps its Chromium, whether or not it is there yet."""
    try:
        importlib.metadata.version("playwright")
    except importlib.metadata.PackageNotFoundError:
        return None
    from playwright.sync_api import Error, sync_playwright

    _choose_keeping_place()
    try:
        with sync_playwright() as playwright:
            return Path(playwright.chromium.executable_path)
    except Error:
        return None


def _choose_keeping_place() -> None:
    """Let Playwright keep its browsers in the checkout when there is no home to keep them in."""
    if not os.access(os.environ.get("XDG_CACHE_HOME") or Path.home(), os.W_OK):
        os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(Path(".cache/browsers").absolute()))


def _succeeds(command: list[str], environment: dict[str, str]) -> bool:
    try:
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode == 0
    except OSError as error:
        print(f"browser: {command[0]}: {error.strerror}", file=sys.stderr)
        return False


if __name__ == "__main__":
    sys.exit(main())
