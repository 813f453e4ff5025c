"""The classifier: inquiries a second, and the slowest one in a hundred. The floor counts each text's letter pairs."""

import json
import time
from collections import Counter
from pathlib import Path

from classifiers.registry import Registry
from tests.bench import servers
from tests.bench.figures import percentile, say, tell


def measure(folder: Path, *, quick: bool, customers: int) -> None:
    """Tell both."""
    router = Registry(folder / "classifiers").current()
    inquiries = []
    for language in ("ja", "en"):
        with (servers.ROOT / "classifiers" / "corpus" / f"{language}.jsonl").open(encoding="utf-8") as lines:
            inquiries += [(told.get("subject", ""), told["text"]) for told in map(json.loads, lines)]
    inquiries = inquiries[:: 4 if quick else 1]
    say(f"classifying {len(inquiries)} inquiries ...")
    router.predict_many(inquiries[:20])
    began = time.perf_counter()
    router.predict_many(inquiries)
    rate = len(inquiries) / (time.perf_counter() - began)
    own, bare = [], []
    for subject, text in inquiries:
        began = time.perf_counter()
        router.predict(text, subject=subject)
        between = time.perf_counter()
        Counter(zip(text, text[1:], strict=False))
        own.append((between - began) * 1000)
        bare.append((time.perf_counter() - between) * 1000)
    tell("inquiries_classified_per_second", rate, "inquiries/s", floor=1000 * len(bare) / sum(bare),
         higher_is_better=True, floor_is="letter pairs counted")  # fmt: skip
    tell("one_inquiry_classified_p99", percentile(own, 0.99), "ms", floor=percentile(bare, 0.99),
         p50=percentile(own, 0.5))  # fmt: skip
