"""The default encoder, none, and a folder with a model of one's own: a tiny one is made here."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from coordinator import encoder
from coordinator.encoder import DEFAULT, NONE, NotAnEncoder

WORDS = ["[UNK]", "cables", "under", "the", "sea", "herring", "quota"]
WIDE = 24


@pytest.fixture
def folder(tmp_path):
    """A sentence-transformers export whose model looks each word up in a table."""
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    made = tmp_path / "tiny"
    (made / "onnx").mkdir(parents=True)
    tokenizer.save(str(made / "tokenizer.json"))
    table = np.random.default_rng(7).normal(size=(len(WORDS), WIDE)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])],
        "tiny",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "length", WIDE])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, str(made / "onnx" / "model.onnx"))
    return made


def cosine(rows):
    a, b = rows.astype(float)
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_the_default_encoder_tells_subjects_apart():
    rows = encoder.encoder(DEFAULT).encode(["Cables under the sea", "Submarine cables", "The quota of herring"])
    assert rows.dtype == np.int8
    assert rows.shape == (3, 512)
    assert cosine(rows[:2]) > 2 * cosine(rows[::2])


def test_the_same_texts_give_the_same_directions_bit_for_bit():
    made, texts = encoder.encoder(DEFAULT), ["Cables under the sea", "The quota of herring"]
    assert np.array_equal(made.encode(texts), made.encode(texts))


def test_nothing_to_encode_is_no_fault():
    assert len(encoder.encoder(DEFAULT).encode([])) == 0


def test_none_is_no_encoder():
    assert encoder.encoder(NONE) is None


def test_a_folder_with_an_export_takes_its_place(folder):
    made = encoder.encoder(str(folder))
    rows = made.encode(["cables under the sea", "the sea under cables", "herring quota"])
    assert rows.shape == (3, WIDE)
    assert cosine(rows[:2]) == pytest.approx(1, abs=0.02)  # the mean knows no order
    assert cosine(rows[::2]) < 0.9
    assert np.array_equal(made.encode(["herring quota"])[0], rows[2])  # whatever its company


def test_its_name_changes_with_its_model(folder):
    name = encoder.encoder(str(folder)).name
    assert name.startswith("tiny/")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    assert encoder._Exported(folder).name != name
    assert encoder._Exported(folder).encode(["cables herring"]).shape == (1, WIDE)


def test_its_cosines_are_brought_onto_one_scale(folder):
    factor, term = encoder.encoder(str(folder)).stretch
    assert np.isfinite(factor)
    assert np.isfinite(term)
    assert encoder.encoder(DEFAULT).stretch == (1.0, 0.0)


def test_the_scale_is_that_of_the_default_encoder():
    factor, term = encoder._stretch(encoder.encoder(DEFAULT))
    assert factor == pytest.approx(1, abs=0.02)
    assert term == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("named", ["nowhere", "."])
def test_a_folder_without_a_model_is_refused(named):
    with pytest.raises(NotAnEncoder, match="encoder"):
        encoder.encoder(named)
