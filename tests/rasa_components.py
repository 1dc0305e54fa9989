"""Checks of nlu/rasa/zh_components.py, run by tests/test_rasa.py with the Python of .venv-rasa, which has no pytest.

The path to `nlu` and to the components is given by whoever runs it (PYTHONPATH).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import zh_components as zh
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

CONTEXT = ExecutionContext(GraphSchema({}), node_name="featurizer")
TRAINING = ("我家没米了", "没米没油,求1200元", "谢谢", "谢谢 OK")


def tokenized(*texts: str) -> list[Message]:
    tokenizer = zh.HanziTokenizer(zh.HanziTokenizer.get_default_config())
    return tokenizer.process([Message.build(text) for text in texts])


def featurizer(kind: Any, storage: LocalModelStorage, **config: Any) -> Any:
    """Trained on TRAINING, stored, and loaded again."""
    settings, resource = {**kind.get_default_config(), **config}, Resource("featurizer")
    kind.create(settings, storage, resource, CONTEXT).train(TrainingData(tokenized(*TRAINING)))
    return kind.load(settings, storage, resource, CONTEXT)


def features(featurizer: Any, text: str) -> tuple[Any, Any]:
    """Sequence and sentence matrix of a text; None for what is not there."""
    (message,) = featurizer.process(tokenized(text))
    sequence, sentence = message.get_sparse_features(TEXT)
    return sequence and sequence.features.toarray(), sentence and sentence.features.toarray()


def check_tokens() -> None:
    (message,) = tokenized("我媽住院 ，１２００元OK\n谢谢😭")
    tokens = message.get("text_tokens")
    assert [token.text for token in tokens] == ["我", "媽", "住", "院", "，", "１２００", "元", "OK", "谢", "谢", "😭"]
    assert [token.lemma for token in tokens] == ["我", "妈", "住", "院", ",", "#4", "元", "ok", "谢", "谢", "😭"]
    assert all(message.get(TEXT)[token.start : token.end] == token.text for token in tokens)
    assert tokenized(" \n ")[0].get("text_tokens") == []


def check_hanzi(storage: LocalModelStorage) -> None:
    hanzi = featurizer(zh.HanziNgramFeaturizer, storage, max_ngram=2, min_df=1, norm=2.0)
    sequence, sentence = features(hanzi, "没米了没米")
    assert sequence.shape == (5, sentence.shape[1])
    assert sequence.dtype == sentence.dtype == np.float32
    assert np.isclose(np.linalg.norm(sentence), 2.0)
    names = {column: name for name, column in hanzi._columns.items()}
    assert {names[column] for column in np.flatnonzero(sequence[1])} == {"米", "没 米"}
    assert {names[column] for column in np.flatnonzero(sequence[0])} == {"没", "⊢ 没"}
    twice, once = (sentence[0, hanzi._columns[name]] for name in ("没 米", "米 了"))
    assert twice > once
    assert "元 ⊣" in hanzi._columns
    assert "#4" in hanzi._columns
    assert not features(hanzi, "龘靐")[1].any()


def check_pinyin(storage: LocalModelStorage) -> None:
    pinyin = featurizer(zh.PinyinFeaturizer, storage, min_df=1, norm=1.0, sequence=False)
    for misspelt in ("我加美米乐", "我家莓咪了", "窝加没米乐"):
        sequence, sentence = features(pinyin, misspelt)
        assert sequence is None
        assert np.array_equal(sentence, features(pinyin, "我家没米了")[1])
    assert not features(pinyin, "ABC 123")[1].any()


def check_signs(storage: LocalModelStorage) -> None:
    signs = featurizer(zh.SignFeaturizer, storage, min_df=1, groups=["s", "r", "k"])
    assert any(name.startswith("r:") for name in signs._columns)
    sequence, sentence = features(signs, "家里没米了")
    assert sequence.shape[0] == 5
    assert sentence.any()
    assert not sequence[:-1].any()


def check_rare_words_are_left_out(storage: LocalModelStorage) -> None:
    often = featurizer(zh.HanziNgramFeaturizer, storage, max_ngram=2, min_df=2)
    assert "没 米" in often._columns
    assert "油" not in often._columns


def check_a_message_without_text(storage: LocalModelStorage) -> None:
    hanzi = featurizer(zh.HanziNgramFeaturizer, storage)
    (message,) = hanzi.process([Message({"intent": "greet"})])
    assert message.features == []


def check_wrong_settings() -> None:
    for wrong in ({"max_ngram": 0}, {"min_df": "2"}, {"norm": 0}):
        try:
            zh.HanziNgramFeaturizer.validate_config({**zh.HanziNgramFeaturizer.get_default_config(), **wrong})
        except InvalidConfigException:
            continue
        raise AssertionError(wrong)


def main() -> None:
    check_tokens()
    check_wrong_settings()
    checks = (check_hanzi, check_pinyin, check_signs, check_rare_words_are_left_out, check_a_message_without_text)
    for check in checks:
        with tempfile.TemporaryDirectory() as folder:
            check(LocalModelStorage(Path(folder)))


if __name__ == "__main__":
    main()
