import gzip
import json

import pytest
from click.testing import CliRunner

from coordinator import encoder
from coordinator.evaluation.commands import group

SAME = [
    ("Cables under the sea must not be cut.", "No state may cut cables under the sea."),
    ("Hospitals are off limits for cyber attacks.", "Cyber attacks must spare hospitals."),
]
OTHER = ("The quota of herring stays as it is.", "Spyware needs an export licence.")


@pytest.fixture(autouse=True)
def same_encoder_after():
    yield
    encoder.choose(encoder.DEFAULT)


def run(*words):
    return CliRunner().invoke(group, [str(word) for word in words])


def row(number, texts, label, **more):
    a, b = ({"text": text} for text in texts)
    return {"id": str(number), "a": a, "b": b, "label": label, "source": "debates"} | more


@pytest.fixture
def pairs_file(tmp_path):
    file = tmp_path / "pairs.jsonl"
    rows = [
        *(row(n, texts, "align") for n, texts in enumerate(SAME)),
        row(3, (SAME[0][0], OTHER[0]), "none"),
        row(4, (OTHER[1], SAME[1][1]), "none"),
        row(5, OTHER, "partial"),
        row(6, SAME[0], "diverge", source="one class"),
    ]
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return file


def test_pairs_are_measured_overall_and_by_source(pairs_file):
    found = json.loads(run("pairs", pairs_file, "--json", "--bins").output)
    overall, debates = found["overall"], found["by_source"]["debates"]
    assert (overall["n"], overall["true"], debates["n"]) == (5, 3, 4)
    assert debates["auc"] == overall["auc"] == 1
    assert overall["pairs_per_second"] > 0
    assert sum(b["weight"] for b in overall["bins"]) == pytest.approx(1, abs=0.001)
    assert "note" in found["by_source"]["one class"]
    assert "auc" not in found["by_source"]["one class"]


def test_the_table_names_every_source(pairs_file):
    said = run("pairs", pairs_file).output
    assert "debates" in said
    assert "one class only" in said
    assert "AUC" in said


def test_words_alone_can_be_measured(pairs_file):
    assert json.loads(run("pairs", pairs_file, "--json", "--encoder", "none").output)["overall"]["encoder"] == "none"


@pytest.mark.parametrize("line", ["no json", '{"id": 1}', "[]"])
def test_a_line_that_is_no_pair_is_named(tmp_path, line):
    file = tmp_path / "pairs.jsonl"
    file.write_text(line + "\n")
    result = run("pairs", file)
    assert result.exit_code == 1
    assert "Line 1 of pairs.jsonl" in result.output


def test_retrieval_finds_the_twin_and_never_the_own_unit(tmp_path):
    corpus, qrels = tmp_path / "corpus.jsonl.gz", tmp_path / "qrels.jsonl"
    papers = [("q", "ICS", SAME[0][0]), ("own", "ICS", SAME[0][1]), ("twin", "MLA", SAME[0][1]), ("far", "FIS", OTHER[0])]
    with gzip.open(corpus, "wt", encoding="utf-8") as stream:
        for name, unit, text in papers:
            stream.write(json.dumps({"id": name, "unit": unit, "title": "", "text": text}) + "\n")
    qrels.write_text(json.dumps({"query": "q", "relevant": ["twin"], "exclude": []}) + "\n")
    found = json.loads(run("retrieval", corpus, qrels, "--json").output)["overall"]
    assert (found["ndcg_at_10"], found["mrr"], found["recall_at_200"], found["p_at_5"]) == (1, 1, 1, 0.2)
    assert found["documents"] == 4
    assert "seconds to index" in run("retrieval", corpus, qrels).output
    qrels.write_text(json.dumps({"query": "nobody", "relevant": ["twin"]}) + "\n")
    assert "None of the queries" in run("retrieval", corpus, qrels).output


def test_the_reliability_diagram_is_drawn(pairs_file, tmp_path):
    assert run("pairs", pairs_file, "--diagram", tmp_path / "bins.svg").exit_code == 0
    drawing = (tmp_path / "bins.svg").read_text()
    assert drawing.startswith("<svg")
    assert drawing.count("<circle") >= 2
