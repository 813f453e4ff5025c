"""Versions on disk: kept, promoted, refused, rolled back."""

import io
import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from classifiers import Refused, model, registry
from classifiers.model import Fit
from classifiers.registry import Registry
from classifiers.router import pack, unpack
from tests.classifiers.conftest import MADE_AT

ASKED = "返品したいのですが"


@pytest.fixture(scope="session")
def later_fit(some_examples) -> Fit:
    return model.fit(some_examples[:-3], made_at=MADE_AT + timedelta(days=1))


@pytest.fixture
def versions(tmp_path) -> Registry:
    return Registry(tmp_path / "models")


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_before_anything_is_promoted_the_shipped_model_speaks(versions, small_fit):
    assert versions.current().version == registry.shipped().version
    versions.save(small_fit)
    assert versions.current().version == registry.shipped().version


def test_a_promoted_version_speaks_and_answers_as_it_was_fitted(versions, small_fit):
    versions.promote(versions.save(small_fit))
    assert versions.current().predict(ASKED) == small_fit.router.predict(ASKED)


def test_versions_are_listed_newest_first_and_the_shipped_one_last(versions, small_fit, later_fit):
    versions.save(small_fit)
    versions.save(later_fit)
    assert versions.versions() == [later_fit.version, small_fit.version, registry.shipped().version]


def test_rolling_back_goes_through_what_was_promoted_to_the_shipped_model(versions, small_fit, later_fit):
    for fit in (small_fit, later_fit):
        versions.promote(versions.save(fit))
    assert versions.roll_back() == small_fit.version
    assert versions.roll_back() == registry.shipped().version
    assert versions.roll_back() == registry.shipped().version


def test_promoting_twice_is_promoting_once(versions, small_fit):
    versions.promote(versions.save(small_fit))
    versions.promote(small_fit.version)
    assert versions.roll_back() == registry.shipped().version


def test_another_process_notices_a_promotion(versions, small_fit):
    reader = Registry(versions.folder)
    before = reader.current().version
    versions.promote(versions.save(small_fit))
    assert before == registry.shipped().version and reader.current().version == small_fit.version


def test_a_tampered_version_is_not_promoted_and_the_present_one_goes_on(versions, small_fit, later_fit):
    versions.promote(versions.save(small_fit))
    versions.save(later_fit)
    spoil(versions.folder / f"{later_fit.version}.npz")
    with pytest.raises(Refused, match="SHA-256"):
        versions.promote(later_fit.version)
    assert versions.current().version == small_fit.version
    assert Registry(versions.folder).current().version == small_fit.version


def test_a_version_spoiled_after_promotion_is_reported_and_the_one_before_speaks(versions, small_fit, later_fit):
    for fit in (small_fit, later_fit):
        versions.promote(versions.save(fit))
    spoil(versions.folder / f"{later_fit.version}.npz")
    restarted = Registry(versions.folder)
    assert restarted.current().version == small_fit.version
    assert restarted.refused is not None and later_fit.version in restarted.refused
    restarted.promote(small_fit.version)
    assert restarted.refused is None


def test_a_spoiled_pointer_leaves_the_shipped_model_speaking(versions, small_fit):
    versions.promote(versions.save(small_fit))
    (versions.folder / "current.json").write_text("{", encoding="utf-8")
    assert Registry(versions.folder).current().version == registry.shipped().version


def test_the_pointer_is_replaced_whole_or_not_at_all(versions, small_fit, later_fit, monkeypatch):
    versions.promote(versions.save(small_fit))
    versions.save(later_fit)
    monkeypatch.setattr(os, "replace", _power_cut)
    with pytest.raises(OSError, match="power"):
        versions.promote(later_fit.version)
    assert Registry(versions.folder).current().version == small_fit.version


def _power_cut(*_: object) -> None:
    raise OSError("power cut")


def test_only_the_latest_versions_are_kept_and_never_one_in_use_is_lost(versions, small_fit):
    def dated(days: int) -> Fit:
        version = f"{MADE_AT + timedelta(days=days):%Y%m%dT%H%M%SZ}-00000000"
        card = small_fit.card | {"version": version}
        return replace(small_fit, card=card, router=_renamed(small_fit, version))

    versions.promote(versions.save(dated(0)))
    for days in range(1, 10):
        versions.save(dated(days))
    kept = versions.versions()
    assert kept[-2] == dated(0).version == versions.current().version
    assert kept[0] == dated(9).version and len(kept) <= registry.KEPT + 3


def _renamed(fit: Fit, version: str):
    return unpack(fit.content, version=version, sha256=fit.card["sha256"], vectors=fit.router.vectors)


def test_a_card_says_what_a_version_learned_from(versions, small_fit, some_examples):
    versions.save(small_fit)
    card = versions.card(small_fit.version)
    assert card["examples"]["count"] == len(some_examples) and card["made_at"] == "2026-05-01T09:00:00+00:00"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "no-such-version", "a/b", ".hidden"])
def test_a_name_that_is_no_version_is_refused(versions, name):
    with pytest.raises(Refused):
        versions.promote(name)


# --- Files that are no models --------------------------------------------------------------------------------------


def opened(small_fit, content: bytes):
    import hashlib

    digest = hashlib.sha256(content).hexdigest()
    return unpack(content, version="v", sha256=digest, vectors=small_fit.router.vectors)


def remade(content: bytes, **changed: object) -> bytes:
    with np.load(io.BytesIO(content)) as file:
        arrays = {name: file[name] for name in file.files}
    out = io.BytesIO()
    np.savez_compressed(out, **(arrays | changed))
    return out.getvalue()


def with_settings(content: bytes, **changed: object) -> bytes:
    with np.load(io.BytesIO(content)) as file:
        settings = json.loads(file["settings"].tobytes())
    return remade(content, settings=np.frombuffer(json.dumps(settings | changed).encode(), np.uint8))


def test_a_packed_model_comes_back_whole(small_fit):
    again = opened(small_fit, small_fit.content)
    assert pack(again.weights, vectors=again.vectors) == small_fit.content


def test_what_is_no_model_is_refused_even_with_the_right_checksum(small_fit):
    good = small_fit.content
    bad = {
        "text": b"hello",
        "cut short": good[: len(good) // 2],
        "a pickle": remade(good, meaning=np.array([{"run": "me"}], dtype=object)),
        "another shape": remade(good, intercept=np.zeros(3, np.float32)),
        "another kind": remade(good, intercept=np.zeros(5, np.float64)),
        "not a number": remade(good, intercept=np.full(5, np.nan, np.float32)),
        "no labels": with_settings(good, labels=[]),
        "no temperature": with_settings(good, temperatures={"ja": 0}),
        "another format": with_settings(good, format=99),
        "other word vectors": with_settings(good, vectors="0" * 64),
    }
    for what, content in bad.items():
        with pytest.raises(Refused):
            opened(small_fit, content)
            pytest.fail(f"{what} was taken for a model")
