"""Rasa components for Chinese: one token per character; n-grams of characters and of syllables; signs of a whole message.

Registered with Rasa's default recipe and named in config.yml as `zh_components.HanziTokenizer` and so on. Rasa finds this
module because it is started in this folder (hotline/rasa_process.py, the Dockerfile). Runs on Python 3.10; `nlu` on the
path gives spelling and sounds, so that both interpreters hear alike.

Why not what Rasa brings: its `char_wb` n-grams never cross the word borders of a segmenter, its WhitespaceTokenizer
refuses Chinese, and a segmenter goes wrong exactly where a resident typed a character that only sounds right.
Features stand for the text alone; intents stay the whole labels that DIET makes of them by itself.
"""

from __future__ import annotations

import json
import math
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from nlu.features import extract
from nlu.normalise import simplify
from nlu.sounds import syllable_of
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import TOKENS_NAMES
from rasa.nlu.featurizers.sparse_featurizer.sparse_featurizer import SparseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

TOKEN = re.compile(r"[0-9０-９]+|[A-Za-zＡ-Ｚａ-ｚ]+|\S")
"""A run of digits, a run of Latin letters, or any one other character that is no blank."""
WEIGHTS_FILE = "weights.json"
FIRST, LAST = "⊢", "⊣"  # the edges of a message; nobody types them
BETWEEN = " "  # of the units of an n-gram: never inside a unit, since units hold no blanks


@lru_cache(maxsize=30_000)
def spelling(text: str) -> str:
    """How a token counts: simplified, half-width, lower case; of a number only how many digits it has (#2, #11)."""
    plain = simplify(text).lower().translate(_HALF_WIDTH)
    return f"#{len(plain)}" if plain.isdecimal() else plain


_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class HanziTokenizer(Tokenizer):
    """One token per character; digits and Latin letters stay together. A token's lemma is its `spelling`."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        # The base class reads the first two without a default of its own.
        return {
            "intent_tokenization_flag": False,
            "intent_split_symbol": "_",
            "token_pattern": None,
            "prefix_separator_symbol": None,
        }

    def tokenize(self, message: Message, attribute: str) -> list[Token]:
        """Tokens in order with their offsets; blanks between them belong to none."""
        found = TOKEN.finditer(message.get(attribute))
        return [Token(match.group(), match.start(), match.end(), lemma=spelling(match.group())) for match in found]


class WeighedFeaturizer(SparseFeaturizer, GraphComponent):
    """Names of features per token and per message, made by a subclass, weighed by sublinear tf-idf.

    Per message two float32 matrices: sequence (tokens, vocabulary) and sentence (1, vocabulary). The sentence row is scaled
    to length `norm`, so that a letter of 500 characters and a greeting are of one size.

    Configuration: `norm`; `min_df`, in how many training messages a feature has to stand; `sequence`, whether tokens have
    rows of their own. DIET without transformer layers does not look at those, but wants one featurizer to have them.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        return [Tokenizer]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {**SparseFeaturizer.get_default_config(), "min_df": 2, "norm": 1.0, "sequence": True}

    @classmethod
    def validate_config(cls, config: Mapping[str, Any]) -> None:
        for name in ("max_ngram", "min_df"):
            value = config.get(name, 1)
            if not isinstance(value, int) or value < 1:
                raise InvalidConfigException(f"{cls.__name__}: {name} must be a whole number from 1, not {value!r}")
        if not config.get("norm", 1.0) > 0:
            raise InvalidConfigException(f"{cls.__name__}: norm must be above 0, not {config['norm']!r}")

    def __init__(
        self,
        config: dict[str, Any],
        name: str,
        model_storage: ModelStorage,
        resource: Resource,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(name, config)
        self._model_storage, self._resource = model_storage, resource
        self._learn(weights or {})

    def _learn(self, weights: Mapping[str, float]) -> None:
        self._columns = {feature: column for column, feature in enumerate(weights)}
        self._weights = np.array(list(weights.values()), dtype=np.float32)

    @abstractmethod
    def rows(self, text: str, tokens: Sequence[Token]) -> list[list[str]]:
        """The features of each token, in order; the message has those of all its tokens."""

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> WeighedFeaturizer:
        return cls(config, execution_context.node_name, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Keep the features that stand in at least `min_df` messages, in alphabetical order, and store them."""
        frequency: Counter[str] = Counter()
        for message in training_data.training_examples:
            frequency.update({feature for row in self._rows(message) for feature in row})
        total = len(training_data.training_examples)
        kept = sorted(feature for feature, count in frequency.items() if count >= self._config["min_df"])
        weights = {feature: math.log((1 + total) / (1 + frequency[feature])) + 1 for feature in kept}
        self._learn(weights)
        with self._model_storage.write_to(self._resource) as folder:
            (Path(folder) / WEIGHTS_FILE).write_text(json.dumps(weights, ensure_ascii=False), encoding="utf-8")
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> WeighedFeaturizer:
        """The featurizer of a stored model. Its weights are JSON: loading them runs no code."""
        with model_storage.read_from(resource) as folder:
            weights = json.loads((Path(folder) / WEIGHTS_FILE).read_text(encoding="utf-8"))
        return cls(config, execution_context.node_name, model_storage, resource, weights)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the features of every message that has tokens, in place."""
        for message in messages:
            rows = self._rows(message)
            if rows:
                sentence = self._matrix([[feature for row in rows for feature in row]])
                length = math.sqrt(float(sentence.data @ sentence.data))
                sentence.data *= np.float32(self._config["norm"] / length if length else 1.0)
                sequence = self._matrix(rows) if self._config["sequence"] else None
                self.add_features_to_message(sequence, sentence, TEXT, message)
        return messages

    def _rows(self, message: Message) -> list[list[str]]:
        """None for a message without text or tokens."""
        tokens = message.get(TOKENS_NAMES[TEXT])
        return self.rows(message.get(TEXT), tokens) if tokens else []

    def _matrix(self, rows: Sequence[Sequence[str]]) -> scipy.sparse.coo_matrix:
        """(1 + log count) times the feature's weight, shape (len(rows), vocabulary)."""
        cells: Counter[tuple[int, int]] = Counter()
        for number, row in enumerate(rows):
            cells.update((number, column) for feature in row if (column := self._columns.get(feature)) is not None)
        places = np.array(sorted(cells), dtype=np.int64).reshape(-1, 2)
        counts = np.array([cells[place] for place in sorted(cells)], dtype=np.float32)
        values = (1 + np.log(counts)) * self._weights[places[:, 1]]
        return scipy.sparse.coo_matrix((values, (places[:, 0], places[:, 1])), shape=(len(rows), len(self._columns)))


class NgramFeaturizer(WeighedFeaturizer):
    """N-grams of up to `max_ngram` units, with marks at both edges of the message.

    A token's row holds the n-grams that end at it, the last row also those that close the message.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {**WeighedFeaturizer.get_default_config(), "max_ngram": 3}

    @abstractmethod
    def units(self, tokens: Sequence[Token]) -> list[str]:
        """One unit per token, without blanks inside; empty for a token that has none."""

    def rows(self, text: str, tokens: Sequence[Token]) -> list[list[str]]:
        units = [FIRST, *self.units(tokens), LAST]
        rows = [list(self._ending_at(units, position)) for position in range(1, len(units))]
        return [*rows[:-2], rows[-2] + rows[-1]]

    def _ending_at(self, units: Sequence[str], position: int) -> Iterator[str]:
        """N-grams ending at `position`; one that would hold an empty unit is left out, and so is an edge by itself."""
        for start in range(position, max(position - self._config["max_ngram"], -1), -1):
            if not units[start]:
                return
            if units[start] != LAST:
                yield BETWEEN.join(units[start : position + 1])


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class HanziNgramFeaturizer(NgramFeaturizer):
    """N-grams of characters, words of Latin letters, numbers by their length, and sentence marks."""

    def units(self, tokens: Sequence[Token]) -> list[str]:
        return [token.lemma for token in tokens]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class PinyinFeaturizer(NgramFeaturizer):
    """N-grams of toneless syllables in a spelling that forgives what accents and keyboards confuse (nlu/sounds.py).

    The same message typed with other characters of the same sound has the same features.
    """

    def units(self, tokens: Sequence[Token]) -> list[str]:
        return [syllable_of(token.lemma) for token in tokens]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SignFeaturizer(WeighedFeaturizer):
    """What nlu/features.py sees in a whole message: a group of features for each letter of the setting `groups`.

    e: n-grams of a letter's closing sentences; s: length, question, numbers; r: rules of the danger screen whose words
    stand there; k: concepts named.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {**WeighedFeaturizer.get_default_config(), "groups": ["s", "r", "k"]}

    def rows(self, text: str, tokens: Sequence[Token]) -> list[list[str]]:
        found = extract(text)
        signs = [name for group in self._config["groups"] for name in found[group].elements()]
        return [*([] for _ in tokens[1:]), signs]
