"""A small model, fitted once: a few dozen corpus rows are enough to see how one behaves."""

from datetime import UTC, datetime

import pytest

from classifiers import Example, model, registry, ship
from classifiers.model import Fit

MADE_AT = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def some_examples() -> list[Example]:
    return ship.seeds("train")[::63]


@pytest.fixture(scope="session")
def small_fit(some_examples: list[Example]) -> Fit:
    return model.fit(some_examples, made_at=MADE_AT)


@pytest.fixture(scope="session")
def router():
    return registry.shipped()
