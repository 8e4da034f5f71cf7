"""What is measured can be measured: the benchmark of overlaps runs from end to end on a small register."""

import gzip
import json
import logging
import random

import pytest
import structlog

from benchmarks import overlaps

SAID = ("cable", "quota", "harbour", "spyware", "tariff", "envoy", "border", "loan", "norms", "relay", "survey", "licence")


@pytest.fixture
def quiet():
    """A benchmark silences the log: let it speak again."""
    said = structlog.get_config()
    yield
    logging.disable(logging.NOTSET)
    structlog.configure(**said)


@pytest.mark.usefixtures("quiet")
def test_the_benchmark_of_overlaps_measures_a_small_register(tmp_path, monkeypatch, capsys):
    chance = random.Random(1)
    papers = [
        {"id": n, "unit": "a", "title": "", "text": ". ".join(" ".join(chance.choices(SAID, k=12)) for _ in range(9))}
        for n in range(30)
    ]
    corpus = tmp_path / "papers.jsonl.gz"
    with gzip.open(corpus, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(paper) + "\n" for paper in papers)
    for name, few in (("SAVES", 2), ("LOOKS", 2), ("MEASURED", 3)):
        monkeypatch.setattr(overlaps, name, few)
    overlaps.main([str(corpus), "40", "--keep", str(tmp_path / "kept")])
    said = capsys.readouterr().out
    for line in ("live check, encoding and all", "memory of a web process", "scikit-learn TF-IDF"):
        assert line in said
