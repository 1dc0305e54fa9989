"""Trains the embedded interpreter with scikit-learn. Never imported while serving.

Temperature and thresholds come from cross-validation on the training data alone.
"""

from __future__ import annotations

import platform
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import scipy.sparse
import sklearn
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from nlu.corpus import CorpusError, Example, data_hash, read_corpus
from nlu.embedded import ALARMS, COLUMNS, LinearModel, alarmed, sigmoid, write_model
from nlu.features import Vectoriser, extract
from nlu.labels import DANGERS, INTENTS, NEEDS
from nlu.noise import corrupt

__all__ = ["CorpusError", "TrainingReport", "data_hash", "fit", "train"]

FOLDS: Final = 4
SEED: Final = 20261123
INTENT_STRENGTH: Final = 20.0
LABEL_STRENGTH: Final = 20.0
"""Inverse regularisation of the logistic regressions, chosen by cross-validation on the training data."""
SLIPS: Final = 0.2
"""Share of characters made homophones in the copy of every message that intents are also learned from."""
COPY_WEIGHT: Final = 0.5
"""How much such a copy counts beside its original. Needs and dangers learn from originals alone: there the copies raised
false alarms in cross-validation."""
NEVER: Final = -12.0
"""Bias of a label without a single training message: its probability is then about 0.000006."""
FALSE_ALARMS: Final = 0.03
"""Share of calm training messages that may raise an alarm in cross-validation. Many of them were written to look like
danger (figures of speech, the past, animals), so that of ordinary messages far fewer do. The more calm letters the
corpus has, the smaller the share at which the threshold stays where it was."""

Matrix: TypeAlias = Any
"""scipy.sparse.csr_matrix of shape (messages, features); scipy ships no types."""
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What was trained, and how the same recipe does in cross-validation on its own data (an optimistic figure)."""

    messages: int
    features: int
    data_hash: str
    intent_accuracy: float
    intent_macro_f1: float
    needs_micro_f1: float
    dangers_micro_f1: float
    seconds: float


@dataclass(frozen=True, slots=True)
class _Messages:
    """The same messages twice, each matrix (messages, features): as written, and with homophone slips."""

    written: Matrix
    slipped: Matrix

    def only(self, rows: NDArray[np.int64]) -> _Messages:
        return _Messages(self.written[rows], self.slipped[rows])


@dataclass(frozen=True, slots=True)
class _Targets:
    """Gold labels: `intents` (messages,) column numbers, `labels` (messages, needs + dangers + alarms) of 0 and 1."""

    intents: NDArray[np.int64]
    labels: NDArray[np.int8]


def train(data: Path, model: Path) -> TrainingReport:
    """Train from the files in `data` and replace the folder `model` in one step.

    Raises `CorpusError` when the data cannot be used; an older model stays as it is then.
    """
    started = time.perf_counter()
    digest = data_hash(data)
    linear, report = fit(read_corpus(data), digest, started)
    versions = {"python": platform.python_version(), "numpy": np.__version__, "scikit-learn": sklearn.__version__}
    about = {"data_hash": digest, "versions": versions, "cross_validation": asdict(report)}
    model.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model.parent, prefix=f".{model.name}-") as scratch:
        fresh = Path(scratch) / "new"
        fresh.mkdir()
        write_model(linear, fresh, about)
        if model.exists():
            model.rename(Path(scratch) / "old")
        fresh.rename(model)
        shutil.rmtree(Path(scratch) / "old", ignore_errors=True)
    return report


def fit(
    examples: Sequence[Example], digest: str = "", started: float | None = None
) -> tuple[LinearModel, TrainingReport]:
    """Train on labelled messages: the model, and its cross-validated figures."""
    started = time.perf_counter() if started is None else started
    counts = Counter(example.intent for example in examples)
    if len(counts) < 2 or len(examples) < FOLDS:
        raise CorpusError(f"training needs two intents or more, and {FOLDS} messages or more: {dict(counts)}")
    documents = [extract(example.text) for example in examples]
    vectoriser = Vectoriser.fit(documents)
    slips = [extract(corrupt(example.text, SLIPS, SEED)) for example in examples]
    messages = _Messages(_matrix(vectoriser, documents), _matrix(vectoriser, slips))
    targets = _targets(examples)

    unseen = _cross_validated(messages, targets)
    temperature = _temperature(unseen[:, : len(INTENTS)], targets.intents)
    probabilities = sigmoid(unseen[:, len(INTENTS) :])
    thresholds = _thresholds(probabilities, targets.labels) | _alarm_thresholds(unseen, targets.labels)
    weights, bias = _fit_all(messages, targets)
    model = LinearModel(vectoriser, weights, bias, temperature, thresholds)

    guesses = unseen[:, : len(INTENTS)].argmax(axis=1)
    said = probabilities >= np.array([thresholds[name] for name in COLUMNS[len(INTENTS) :]])
    needs, dangers = len(NEEDS), len(NEEDS) + len(DANGERS)
    report = TrainingReport(
        messages=len(examples),
        features=len(vectoriser.vocabulary),
        data_hash=digest,
        intent_accuracy=float((guesses == targets.intents).mean()),
        intent_macro_f1=float(f1_score(targets.intents, guesses, average="macro")),
        needs_micro_f1=_micro_f1(said[:, :needs], targets.labels[:, :needs]),
        dangers_micro_f1=_micro_f1(said[:, needs:dangers], targets.labels[:, needs:dangers]),
        seconds=round(time.perf_counter() - started, 1),
    )
    return model, report


def _matrix(vectoriser: Vectoriser, documents: Sequence[Mapping[str, Counter[str]]]) -> Matrix:
    """The documents as rows over the vocabulary."""
    vectors = [vectoriser.vector(document) for document in documents]
    bounds = np.cumsum([0, *(len(vector.rows) for vector in vectors)])
    shape = (len(vectors), len(vectoriser.vocabulary))
    values = np.concatenate([vector.values for vector in vectors])
    return scipy.sparse.csr_matrix((values, np.concatenate([vector.rows for vector in vectors]), bounds), shape=shape)


def _targets(examples: Sequence[Example]) -> _Targets:
    intents = np.array([INTENTS.index(example.intent) for example in examples])
    rows = [[name in _labels_of(example) for name in COLUMNS[len(INTENTS) :]] for example in examples]
    return _Targets(intents, np.array(rows, dtype=np.int8))


def _labels_of(example: Example) -> set[str]:
    alarms = {level for level, names in ALARMS.items() if set(names) & set(example.dangers)}
    return {*example.needs, *example.dangers, *alarms}


def _fit_all(messages: _Messages, targets: _Targets) -> tuple[Floats, Floats]:
    """Weights (features, labels) and bias (labels,) of all three groups of labels."""
    columns = len(COLUMNS)
    weights = np.zeros((messages.written.shape[1], columns), dtype=np.float32)
    bias = np.zeros(columns, dtype=np.float32)
    both = scipy.sparse.vstack([messages.written, messages.slipped]).tocsr()
    count = np.repeat([1.0, COPY_WEIGHT], len(targets.intents))
    for column in range(len(INTENTS)):
        positive = np.tile(targets.intents == column, 2)
        weights[:, column], bias[column] = _fit_one(both, positive, INTENT_STRENGTH, count)
    for label in range(targets.labels.shape[1]):
        column = len(INTENTS) + label
        weights[:, column], bias[column] = _fit_one(messages.written, targets.labels[:, label] == 1, LABEL_STRENGTH)
    return weights, bias


def estimator(strength: float) -> LogisticRegression:
    """The regression of one label against the rest; balanced, because most labels have few messages."""
    return LogisticRegression(
        C=strength, solver="liblinear", dual=True, max_iter=400, random_state=SEED, tol=1e-3, class_weight="balanced"
    )


def _fit_one(
    matrix: Matrix, positive: NDArray[np.bool_], strength: float, count: NDArray[np.float64] | None = None
) -> tuple[Floats, float]:
    """Weights (features,) and bias of one label against the rest; a label without messages gets the bias `NEVER`.

    `count` (messages,) is how much each message counts; without it all count the same.
    """
    if not positive.any():
        return np.zeros(matrix.shape[1], dtype=np.float32), NEVER
    model = estimator(strength).fit(matrix, positive, sample_weight=count)
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def _cross_validated(messages: _Messages, targets: _Targets) -> Floats:
    """Decision values (messages, labels) of models that did not see the message."""
    unseen = np.zeros((len(targets.intents), len(COLUMNS)), dtype=np.float32)
    fold_of = _folds(targets.intents)
    for fold in range(FOLDS):
        seen, held = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        weights, bias = _fit_all(messages.only(seen), _Targets(targets.intents[seen], targets.labels[seen]))
        unseen[held] = messages.written[held] @ weights + bias
    return unseen


def _folds(intents: NDArray[np.int64]) -> NDArray[np.int64]:
    """The fold of each message, shape (messages,): shuffled, every intent spread as evenly as its number allows."""
    order = np.random.default_rng(SEED).permutation(len(intents))
    order = order[np.argsort(intents[order], kind="stable")]
    folds = np.empty(len(intents), dtype=np.int64)
    folds[order] = np.arange(len(intents)) % FOLDS
    return folds


def _temperature(scores: Floats, gold: NDArray[np.int64]) -> float:
    """The temperature with the smallest mean log loss on unseen messages."""
    candidates = np.geomspace(0.2, 4, 40)
    losses = []
    for temperature in candidates:
        scaled = scores.astype(np.float64) / temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        chosen = scaled[np.arange(len(gold)), gold]
        losses.append(float((np.log(np.exp(scaled).sum(axis=1)) - chosen).mean()))
    return float(candidates[int(np.argmin(losses))])


def _thresholds(probabilities: NDArray[np.float64], gold: NDArray[np.int8]) -> dict[str, float]:
    """Per need and danger the probability with the best F1 on unseen messages."""
    return {
        name: _best_threshold(probabilities[:, column], gold[:, column] == 1)
        for column, name in enumerate(NEEDS + DANGERS)
    }


def _alarm_thresholds(unseen: Floats, gold: NDArray[np.int8]) -> dict[str, float]:
    """Per level the probability that `FALSE_ALARMS` of the unseen messages without such a danger reach."""
    chosen: dict[str, float] = {}
    for level, names in ALARMS.items():
        calm = gold[:, COLUMNS.index(level) - len(INTENTS)] == 0
        raised = [max(value for name, value in alarmed(row).items() if name in names) for row in unseen[calm]]
        chosen[level] = float(np.clip(np.quantile(raised, 1 - FALSE_ALARMS), 0.02, 0.9)) if raised else 0.5
    return chosen


def _best_threshold(probability: NDArray[np.float64], gold: NDArray[np.bool_]) -> float:
    """The middle of the best stretch of candidates; 0.5 where there are too few messages to choose by."""
    if gold.sum() < FOLDS:
        return 0.5
    candidates = np.arange(0.05, 0.75, 0.025)
    said = probability[:, np.newaxis] >= candidates
    hits = (said & gold[:, np.newaxis]).sum(axis=0)
    scores = 2 * hits / (said.sum(axis=0) + gold.sum())
    smooth = np.convolve(np.pad(scores, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    return round(float(candidates[int(np.argmax(smooth))]), 3)


def _micro_f1(said: NDArray[np.bool_], gold: NDArray[np.int8]) -> float:
    total = int(said.sum()) + int(gold.sum())
    return 2 * int((said & (gold == 1)).sum()) / total if total else 1.0
