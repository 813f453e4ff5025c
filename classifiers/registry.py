"""Versions of a model on disk: kept beside their model card, promoted, loaded by checksum, rolled back.

The idea: a version is two files that never change once written, and one small pointer file says which version speaks.
Promoting and rolling back replace the pointer in a single step, so a reader finds the old version or the new one and
never half of either. A file whose checksum is not the one on its card is refused, and whoever spoke before goes on.
"""

import hashlib
import json
import logging
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from classifiers.model import Fit
from classifiers.router import Refused, Router, unpack
from classifiers.vectors import japanese

SHIPPED = Path(__file__).parent / "shipped"
KEPT = 5  # versions beside the one that speaks and the ones it can be rolled back to

_log = logging.getLogger(__name__)
_POINTER = "current.json"
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,80}")


@lru_cache(maxsize=1)
def shipped() -> Router:
    """The model that comes with the desk, read once a process. Raises `Refused` when its file was changed."""
    return load(SHIPPED / "router.npz", SHIPPED / "router.json")


@lru_cache(maxsize=1)
def shipped_version() -> str:
    """The version of the model that comes with the desk, without loading it."""
    return str(read_card(SHIPPED / "router.json")["version"])


def load(model: Path, card: Path) -> Router:
    """The model in a file, checked against its card. Raises `Refused`."""
    facts = read_card(card)
    try:
        content = model.read_bytes()
    except OSError as error:
        raise Refused(f"model {facts['version']}: {model.name} cannot be read ({error.strerror}).") from error
    return unpack(content, version=facts["version"], sha256=facts["sha256"], vectors=japanese())


def read_card(path: Path) -> dict[str, Any]:
    """A model card. Raises `Refused` when it cannot be read or names no version or checksum."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if not (isinstance(facts["version"], str) and isinstance(facts["sha256"], str)):
            raise ValueError("version and sha256 must be text")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"the model card {path.name} cannot be read ({error}). Restore it, or roll back.") from error
    return dict(facts)


class Registry:
    """The versions in one folder. Many may read while one writes; `current` notices a promotion by another process.

    `refused` says why the version pointed at was not loaded, or is None when all is well.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused: str | None = None
        self._speaking: Router | None = None
        self._read_for: tuple[str, ...] | None = None

    def save(self, fit: Fit) -> str:
        """Keep a fitted model; it does not speak until promoted. Returns its version. Saving twice changes nothing."""
        return self.keep(fit.content, fit.card)

    def keep(self, content: bytes, card: dict[str, Any]) -> str:
        """`save`, for a model that another process fitted: the bytes of its file and its card."""
        version = str(card["version"])
        file = self._path(version, ".npz")
        self.folder.mkdir(parents=True, exist_ok=True)
        _replace(file, content)
        _replace(self._path(version, ".json"), as_json(card))
        self._forget_old(but=version)
        return version

    def files(self, version: str) -> tuple[Path, Path]:
        """Where a version's model and card lie, for a process that loads them itself. Raises `Refused`."""
        if version == shipped_version():
            return SHIPPED / "router.npz", SHIPPED / "router.json"
        return self._path(version, ".npz"), self._path(version, ".json")

    def versions(self) -> list[str]:
        """All kept versions, the newest first; the shipped one always stands last."""
        kept = {path.stem for path in self.folder.glob("*.npz") if path.with_suffix(".json").exists()}
        return [*sorted(kept - {shipped_version()}, reverse=True), shipped_version()]

    def card(self, version: str) -> dict[str, Any]:
        """A version's model card. Raises `Refused` when there is no such version."""
        if version == shipped_version():
            return read_card(SHIPPED / "router.json")
        return read_card(self._path(version, ".json"))

    def load(self, version: str) -> Router:
        """One version, checked, whether it speaks or not. Raises `Refused`."""
        if version == shipped_version():
            return shipped()
        return load(self._path(version, ".npz"), self._path(version, ".json"))

    def promote(self, version: str) -> None:
        """Let a version speak from now on. One that does not load is `Refused`, and the present one goes on."""
        router = self.load(version)
        self.point_at(version)
        self._speaking, self._read_for, self.refused = router, self._history(), None

    def point_at(self, version: str) -> None:
        """`promote` without loading, for who has seen that the version is `sound`: whoever answers loads it."""
        history = self._history()
        if not history or history[0] != version:
            self._point((version, *history))

    def sound(self, version: str) -> None:
        """Return when a version's file is the one on its card, without unpacking it. Raises `Refused`."""
        model, card = self.files(version)
        facts = read_card(card)
        try:
            found = hashlib.sha256(model.read_bytes()).hexdigest()
        except OSError as error:
            raise Refused(f"model {version}: {model.name} cannot be read ({error.strerror}).") from error
        if found != facts["sha256"]:
            raise Refused(f"model {version}: SHA-256 {found[:12]}…, expected {facts['sha256'][:12]}…")

    def current(self) -> Router:
        """The version that speaks: the one promoted last, and the shipped one before any was.

        A promoted version that does not load any more is reported in the log and in `refused`; the one that spoke
        before it goes on, in this process or in the list of promotions, and at last the shipped one.
        """
        history = self._history()
        if self._speaking is None or history != self._read_for:
            self._speaking, self._read_for = self._first_sound(history), history
        return self._speaking

    def points_at(self) -> str:
        """The version promoted last, whether it loads or not; the shipped one before any was."""
        history = self._history()
        return history[0] if history else shipped_version()

    def sound_one(self) -> str:
        """The first of the promoted versions whose file is as it was made; the shipped one where none is."""
        for version in self._history():
            try:
                self.sound(version)
                return version
            except Refused:
                continue
        return shipped_version()

    def before(self) -> str | None:
        """The version a roll-back leads to; None when no version was ever promoted, or all were rolled back."""
        history = self._history()
        return None if not history else history[1] if len(history) > 1 else shipped_version()

    def mark(self) -> tuple[int, int] | None:
        """Changes whenever another version is promoted, by whatever process: the pointer's time and inode.

        Costs one look at the folder and reads nothing, so that it may be asked for at every piece of news.
        """
        try:
            seen = os.stat(self.folder / _POINTER)
        except OSError:
            return None
        return seen.st_mtime_ns, seen.st_ino

    def roll_back(self) -> str:
        """Let the version speak that spoke before; at the end of the list, the shipped one. Returns its version."""
        self.point_back()
        return self.current().version

    def point_back(self) -> None:
        """`roll_back` without loading."""
        self._point(self._history()[1:])

    def _first_sound(self, history: tuple[str, ...]) -> Router:
        self.refused = None
        for version in history:
            try:
                return self.load(version)
            except Refused as error:
                _log.error("Model %s was not loaded: %s", version, error)
                self.refused = self.refused or str(error)
                if self._speaking is not None:
                    return self._speaking
        return shipped()

    def _history(self) -> tuple[str, ...]:
        """Promoted versions, the present one first."""
        try:
            facts = json.loads((self.folder / _POINTER).read_text(encoding="utf-8"))
            return tuple(str(version) for version in facts["promoted"])
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.error("The model pointer in %s cannot be read (%s); promote a version again.", self.folder, error)
            return ()

    def _point(self, promoted: tuple[str, ...]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        _replace(self.folder / _POINTER, as_json({"promoted": list(promoted[: KEPT + 1])}))

    def _forget_old(self, *, but: str) -> None:
        in_use = {but, *self._history()}
        spare = [version for version in self.versions()[:-1] if version not in in_use]
        for version in spare[KEPT:]:
            self._path(version, ".npz").unlink(missing_ok=True)
            self._path(version, ".json").unlink(missing_ok=True)

    def _path(self, version: str, ending: str) -> Path:
        if not _VERSION.fullmatch(version):
            raise Refused(f"{version[:80]!r} is no name of a version.")
        return self.folder / (version + ending)


def as_json(facts: dict[str, Any]) -> bytes:
    """A model card as the bytes of a file people can read."""
    return (json.dumps(facts, ensure_ascii=False, indent=2) + "\n").encode()


def rounded(value: Any) -> Any:
    """Facts of a card with four digits after the point, however deep they lie."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that readers see all of it or none, a power cut included."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    with open(draft, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
