"""What is measured can be measured: the benchmarks of overlaps and of neighbours run from end to end on a small register."""

import gzip
import json
import logging
import random

import pytest
import structlog

from benchmarks import neighbours, overlaps

SAID = ("cable", "quota", "harbour", "spyware", "tariff", "envoy", "border", "loan", "norms", "relay", "survey", "licence")


@pytest.fixture
def quiet():
    """A benchmark silences the log: let it speak again."""
    said = structlog.get_config()
    yield
    logging.disable(logging.NOTSET)
    structlog.configure(**said)


@pytest.fixture
def corpus(tmp_path):
    """Thirty papers made of a dozen words."""
    chance = random.Random(1)
    papers = [
        {"id": n, "unit": "a", "title": "", "text": ". ".join(" ".join(chance.choices(SAID, k=12)) for _ in range(9))}
        for n in range(30)
    ]
    path = tmp_path / "papers.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(paper) + "\n" for paper in papers)
    return path


@pytest.mark.usefixtures("quiet")
def test_the_benchmark_of_overlaps_measures_a_small_register(corpus, tmp_path, monkeypatch, capsys):
    for name, few in (("SAVES", 2), ("LOOKS", 2), ("MEASURED", 3)):
        monkeypatch.setattr(overlaps, name, few)
    overlaps.main([str(corpus), "40", "--keep", str(tmp_path / "kept")])
    said = capsys.readouterr().out
    for line in ("live check, encoding and all", "memory of a web process", "scikit-learn TF-IDF"):
        assert line in said


@pytest.mark.on("postgresql")
@pytest.mark.usefixtures("quiet", "database_name")
def test_the_benchmark_of_neighbours_measures_a_small_register(corpus, monkeypatch, capsys):
    monkeypatch.setattr(neighbours, "LOOKS", 2)
    monkeypatch.setattr(overlaps, "MEASURED", 3)
    neighbours.main([str(corpus), "40"])
    said = capsys.readouterr().out
    for line in ("recall of the flags shown", "live check, by the index", "aim of 0.98: reached"):
        assert line in said
