"""The embedded interpreter: a linear model over n-grams, run with NumPy from two files.

Training (nlu/training.py) writes `model.npz` (weights, vocabulary) and `model.json` (labels, thresholds, checksums).
No pickle is read, so a model file cannot run code.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nlu.corpus import data_hash
from nlu.features import FEATURES_VERSION, Vectoriser, extract
from nlu.labels import DANGER_URGENCY, DANGERS, INTENTS, NEEDS
from nlu.understanding import Interpretation

MODEL_FORMAT: Final = 2
ARRAYS_FILE: Final = "model.npz"
DESCRIPTION_FILE: Final = "model.json"

ALARMS: Final[Mapping[str, tuple[str, ...]]] = {
    level: tuple(name for name, urgency in DANGER_URGENCY.items() if urgency == level)
    for level in ("critical", "urgent")
}
"""Besides every danger by itself the model learns whether a message speaks of any of a level: despair and haste sound
alike whatever their cause, and few messages name each cause."""
COLUMNS: Final = (*INTENTS, *NEEDS, *DANGERS, *ALARMS)


class ModelMissing(FileNotFoundError):
    """There is no model in the folder."""


class ModelDamaged(ValueError):
    """The model's files do not belong together, are cut short, or come from another version of this code."""


def sigmoid(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Logistic function, safe for large scores."""
    return 1 / (1 + np.exp(-np.clip(scores.astype(np.float64), -30, 30)))


def softmax(scores: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Probabilities that sum to 1; a temperature above 1 makes them more modest."""
    scaled = scores.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max())
    probabilities: NDArray[np.float64] = powers / powers.sum()
    return probabilities


def centred(probability: float, threshold: float) -> float:
    """The probability bent so that its label's own threshold comes to lie at 0.5; 0 and 1 stay where they are."""
    if probability < threshold:
        return 0.5 * probability / threshold
    return 0.5 + 0.5 * (probability - threshold) / max(1 - threshold, 1e-9)


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Weights of every label over one vocabulary.

    `weights` is (features, labels) float32, `bias` (labels,); the columns are `COLUMNS`. `thresholds` holds the
    probability from which a need, a danger or an alarm counts as said.
    """

    vectoriser: Vectoriser
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    temperature: float
    thresholds: Mapping[str, float]

    def scores(self, text: str) -> NDArray[np.float32]:
        """Decision values, shape (labels,)."""
        vector = self.vectoriser.vector(extract(text))
        scores: NDArray[np.float32] = vector.values @ self.weights[vector.rows] + self.bias
        return scores


class EmbeddedInterpreter:
    """Interprets in process; safe to share between threads, since nothing changes after loading."""

    name = "embedded"

    def __init__(self, model: LinearModel, model_hash: str = "") -> None:
        self._model = model
        self.model_hash = model_hash

    @classmethod
    def load(cls, folder: Path) -> EmbeddedInterpreter:
        """Read a model folder. Raises `ModelMissing` or `ModelDamaged`, each with a sentence for the operator."""
        description, arrays = _read_checked(folder)
        try:
            return cls(_assemble(description, arrays), str(description["arrays_sha256"]))
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise ModelDamaged(f"{folder}: the model cannot be used ({error}); train it again") from error

    def scores(self, text: str) -> NDArray[np.float32]:
        """Decision values before any calibration, shape (len(COLUMNS),)."""
        return self._model.scores(text)

    def interpret(self, text: str) -> Interpretation:
        """Scores of every label. For needs and dangers 0.5 is the threshold that training chose for the label."""
        model = self._model
        scores = model.scores(text)
        intents = softmax(scores[: len(INTENTS)], model.temperature).tolist()
        said = dict(zip(COLUMNS[len(INTENTS) :], sigmoid(scores[len(INTENTS) :]).tolist(), strict=True))
        centre = {name: centred(said[name], model.thresholds[name]) for name in NEEDS + DANGERS}
        for name, alarm in alarmed(scores).items():
            centre[name] = max(centre[name], centred(alarm, model.thresholds[DANGER_URGENCY[name]]))
        return Interpretation(
            intents=dict(zip(INTENTS, intents, strict=True)),
            needs={name: centre[name] for name in NEEDS},
            dangers={name: centre[name] for name in DANGERS},
        )


def alarmed(scores: NDArray[np.float32]) -> dict[str, float]:
    """Of each level the likeliest danger, with the probability that the level's alarm and the danger give together."""
    found: dict[str, float] = {}
    for level, names in ALARMS.items():
        likeliest = max(names, key=lambda name: float(scores[COLUMNS.index(name)]))
        both = (scores[COLUMNS.index(likeliest)] + scores[COLUMNS.index(level)]) / 2
        found[likeliest] = float(sigmoid(both[np.newaxis])[0])
    return found


def model_is_current(model: Path, data: Path) -> bool:
    """Whether the folder holds a model trained from this data by this version of the code."""
    try:
        description = _read_description(model)
    except (ModelMissing, ModelDamaged):
        return False
    same_code = (description.get("format"), description.get("features")) == (MODEL_FORMAT, FEATURES_VERSION)
    return same_code and (model / ARRAYS_FILE).is_file() and description.get("data_hash") == data_hash(data)


def write_model(model: LinearModel, folder: Path, about: Mapping[str, Any]) -> None:
    """Write both files into an existing folder; `about` is added to the description (data hash, figures, versions)."""
    vocabulary = sorted(model.vectoriser.vocabulary, key=model.vectoriser.vocabulary.__getitem__)
    content = io.BytesIO()
    np.savez_compressed(
        content,
        weights=model.weights.astype(np.float32),
        bias=model.bias.astype(np.float32),
        idf=model.vectoriser.idf.astype(np.float32),
        vocabulary=np.frombuffer("\n".join(vocabulary).encode(), dtype=np.uint8),
    )
    (folder / ARRAYS_FILE).write_bytes(content.getvalue())
    description = {
        "format": MODEL_FORMAT,
        "features": FEATURES_VERSION,
        "labels": {"intents": INTENTS, "needs": NEEDS, "dangers": DANGERS},
        "temperature": model.temperature,
        "thresholds": dict(model.thresholds),
        "arrays_sha256": hashlib.sha256(content.getvalue()).hexdigest(),
        **about,
    }
    text = json.dumps(description, ensure_ascii=False, indent=1)
    (folder / DESCRIPTION_FILE).write_text(text + "\n", encoding="utf-8")


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION_FILE
    if not path.is_file():
        raise ModelMissing(f"{folder}: no trained model here; run `hotline train`")
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelDamaged(f"{path}: not readable ({error}); train the model again") from error
    if not isinstance(description, dict):
        raise ModelDamaged(f"{path}: not a model description; train the model again")
    return description


def _read_checked(folder: Path) -> tuple[dict[str, Any], bytes]:
    description = _read_description(folder)
    if (description.get("format"), description.get("features")) != (MODEL_FORMAT, FEATURES_VERSION):
        raise ModelDamaged(f"{folder}: the model was trained by another version of this code; train it again")
    labels: Mapping[str, Sequence[str]] = description.get("labels") or {}
    if [tuple(labels.get(kind, ())) for kind in ("intents", "needs", "dangers")] != [INTENTS, NEEDS, DANGERS]:
        raise ModelDamaged(f"{folder}: the model knows other labels than this version of the code; train it again")
    path = folder / ARRAYS_FILE
    if not path.is_file():
        raise ModelMissing(f"{path}: missing; run `hotline train`")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != description.get("arrays_sha256"):
        raise ModelDamaged(f"{path}: does not belong to {DESCRIPTION_FILE} or was cut short; train the model again")
    return description, content


def _assemble(description: Mapping[str, Any], content: bytes) -> LinearModel:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        weights, bias, idf = arrays["weights"], arrays["bias"], arrays["idf"]
        names = arrays["vocabulary"].tobytes().decode().split("\n")
    labels = len(COLUMNS)
    if weights.shape != (len(names), labels) or bias.shape != (labels,) or idf.shape != (len(names),):
        raise ValueError(f"array shapes {weights.shape}, {bias.shape}, {idf.shape} do not fit {len(names)} features")
    thresholds = {name: float(description["thresholds"][name]) for name in (*NEEDS, *DANGERS, *ALARMS)}
    vectoriser = Vectoriser({name: row for row, name in enumerate(names)}, idf)
    return LinearModel(vectoriser, weights, bias, float(description["temperature"]), thresholds)
