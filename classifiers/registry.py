"""Versions of a model on disk: kept beside their model card, promoted, loaded by checksum, rolled back.

The idea: a version is two files that never change once written, and one small pointer file says which version speaks.
Promoting and rolling back replace the pointer in a single step, so a reader finds the old version or the new one and
never half of either. A file whose checksum is not the one on its card is refused, and whoever spoke before goes on.
"""

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
        self.folder.mkdir(parents=True, exist_ok=True)
        _replace(self.folder / f"{fit.version}.npz", fit.content)
        _replace(self.folder / f"{fit.version}.json", as_json(fit.card))
        self._forget_old(but=fit.version)
        return fit.version

    def versions(self) -> list[str]:
        """All kept versions, the newest first; the shipped one always stands last."""
        kept = {path.stem for path in self.folder.glob("*.npz") if path.with_suffix(".json").exists()}
        return [*sorted(kept - {shipped().version}, reverse=True), shipped().version]

    def card(self, version: str) -> dict[str, Any]:
        """A version's model card. Raises `Refused` when there is no such version."""
        if version == shipped().version:
            return read_card(SHIPPED / "router.json")
        return read_card(self._path(version, ".json"))

    def load(self, version: str) -> Router:
        """One version, checked, whether it speaks or not. Raises `Refused`."""
        if version == shipped().version:
            return shipped()
        return load(self._path(version, ".npz"), self._path(version, ".json"))

    def promote(self, version: str) -> None:
        """Let a version speak from now on. One that does not load is `Refused`, and the present one goes on."""
        router = self.load(version)
        history = self._history()
        if not history or history[0] != version:
            self._point((version, *history))
        self._speaking, self._read_for, self.refused = router, self._history(), None

    def current(self) -> Router:
        """The version that speaks: the one promoted last, and the shipped one before any was.

        A promoted version that does not load any more is reported in the log and in `refused`; the one that spoke
        before it goes on, in this process or in the list of promotions, and at last the shipped one.
        """
        history = self._history()
        if self._speaking is None or history != self._read_for:
            self._speaking, self._read_for = self._first_sound(history), history
        return self._speaking

    def roll_back(self) -> str:
        """Let the version speak that spoke before; at the end of the list, the shipped one. Returns its version."""
        self._point(self._history()[1:])
        return self.current().version

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


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that readers see all of it or none, a power cut included."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    with open(draft, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
