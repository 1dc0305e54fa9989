"""The embedded interpreter: trained, exported, loaded, and the same as scikit-learn says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.corpus import CorpusError, Example, read_corpus
from nlu.embedded import COLUMNS, EmbeddedInterpreter, ModelDamaged, ModelMissing, centred, model_is_current
from nlu.evaluation import Gold, GoldError, compare, evaluate, mistakes, read_gold
from nlu.features import Vectoriser, extract
from nlu.labels import DANGERS, INTENTS, NEEDS
from nlu.lines import parse_lines
from nlu.noise import corrupt
from nlu.normalise import MAX_CHARACTERS, clip, normalise
from nlu.sounds import syllables
from nlu.training import LABEL_STRENGTH, data_hash, estimator, train
from nlu.understand import understand
from nlu.understanding import Interpretation

GREETINGS = ("你好", "您好啊", "喂 在吗", "早上好", "有人在吗", "晚上好")
THANKS = ("谢谢", "谢谢你啊", "多谢您了", "太感谢了", "麻烦你了", "感谢感谢")
HELP = ("屋里没钱买药", "老伴透析没得钱", "看病欠了三万", "药费交不起了", "住院费凑不齐", "我爸住院没钱")


def _write_data(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    blocks = []
    for intent, texts, needs in (("greet", GREETINGS, ""), ("thank", THANKS, ""), ("seek_help", HELP, "medical")):
        lines = [f"  - text: |\n      {text}\n    metadata: {{needs: [{needs}], dangers: []}}" for text in texts]
        blocks.append(f"- intent: {intent}\n  examples:\n" + "\n".join(lines))
    (folder / "small.yml").write_text('version: "3.1"\nnlu:\n' + "\n".join(blocks) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "embedded"
    train(data, folder)
    return folder


@pytest.fixture(scope="module")
def interpreter(model: Path) -> EmbeddedInterpreter:
    return EmbeddedInterpreter.load(model)


class TestTraining:
    def test_learns_what_it_is_shown(self, interpreter: EmbeddedInterpreter) -> None:
        for intent, texts in (("greet", GREETINGS), ("thank", THANKS), ("seek_help", HELP)):
            for text in texts:
                scores = interpreter.interpret(text).intents
                assert max(scores, key=scores.__getitem__) == intent
        assert interpreter.interpret("住院没钱买药").needs["medical"] > 0.5
        assert interpreter.interpret("你好").needs["medical"] < 0.5

    def test_gives_every_label_and_nothing_else(self, interpreter: EmbeddedInterpreter) -> None:
        said = interpreter.interpret("你好")
        assert (tuple(said.intents), tuple(said.needs), tuple(said.dangers)) == (INTENTS, NEEDS, DANGERS)
        assert sum(said.intents.values()) == pytest.approx(1)

    def test_export_agrees_with_scikit_learn(self, data: Path, interpreter: EmbeddedInterpreter) -> None:
        examples = read_corpus(data)
        documents = [extract(example.text) for example in examples]
        vectoriser = Vectoriser.fit(documents)
        rows = [vectoriser.vector(document) for document in documents]
        matrix = scipy.sparse.lil_matrix((len(rows), len(vectoriser.vocabulary)))
        for number, vector in enumerate(rows):
            for column, value in zip(vector.rows, vector.values, strict=True):
                matrix[number, column] = value
        matrix = matrix.tocsr()
        gold = np.array(["medical" in example.needs for example in examples])
        expected = estimator(LABEL_STRENGTH).fit(matrix, gold).decision_function(matrix)
        column = COLUMNS.index("medical")
        scores = [interpreter.scores(example.text)[column] for example in examples]
        assert scores == pytest.approx(expected.tolist(), abs=1e-4)

    def test_is_repeatable(self, data: Path, model: Path, tmp_path: Path) -> None:
        train(data, tmp_path / "again")
        assert (tmp_path / "again" / "model.npz").read_bytes() == (model / "model.npz").read_bytes()

    def test_replaces_an_older_model_whole(self, data: Path, tmp_path: Path) -> None:
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "left-over").write_text("")
        train(data, folder)
        assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.npz"]
        assert [path.name for path in tmp_path.iterdir()] == ["model"]

    def test_keeps_the_older_model_when_the_data_is_bad(self, model: Path, tmp_path: Path) -> None:
        (tmp_path / "bad.yml").write_text("nlu:\n- intent: sing\n  examples: |\n    - 啦啦啦\n", encoding="utf-8")
        with pytest.raises(CorpusError, match="unknown intent 'sing'"):
            train(tmp_path, model)
        EmbeddedInterpreter.load(model)


class TestCorpus:
    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            ("- 1\n", "no list under 'nlu'"),
            ("nlu: [\n", "not readable as YAML"),
            ("nlu:\n- intent: greet\n  examples:\n  - text: ''\n", "has no text"),
            ("nlu:\n- intent: greet\n  examples:\n  - text: 你好\n    metadata: {needs: [food]}\n", "unknown labels"),
        ],
    )
    def test_says_what_is_wrong(self, tmp_path: Path, content: str, complaint: str) -> None:
        (tmp_path / "data.yml").write_text(content, encoding="utf-8")
        with pytest.raises(CorpusError, match=complaint):
            read_corpus(tmp_path)

    def test_reads_plain_rasa_lists_and_leaves_heldout_alone(self, tmp_path: Path) -> None:
        (tmp_path / "data.yml").write_text(
            "nlu:\n- intent: greet\n  examples: |\n    - 你好\n    - 您好\n", encoding="utf-8"
        )
        _write_data(tmp_path / "heldout")
        assert read_corpus(tmp_path) == [Example("你好", "greet"), Example("您好", "greet")]

    def test_an_empty_folder_is_no_corpus(self, tmp_path: Path) -> None:
        with pytest.raises(CorpusError, match="no labelled messages"):
            read_corpus(tmp_path)

    def test_one_intent_cannot_be_trained(self, tmp_path: Path) -> None:
        (tmp_path / "data.yml").write_text("nlu:\n- intent: greet\n  examples: |\n    - 你好\n", encoding="utf-8")
        with pytest.raises(CorpusError, match="two intents"):
            train(tmp_path, tmp_path / "model")


class TestModelFolder:
    def test_belongs_to_its_data(self, data: Path, model: Path, tmp_path: Path) -> None:
        assert model_is_current(model, data)
        changed = _write_data(tmp_path / "data")
        assert data_hash(changed) == data_hash(data)
        (changed / "more.yml").write_text("nlu: []\n", encoding="utf-8")
        assert not model_is_current(model, changed)
        assert not model_is_current(tmp_path / "nothing", data)

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ModelMissing, match="hotline train"):
            EmbeddedInterpreter.load(tmp_path)

    def _copy(self, model: Path, folder: Path) -> Path:
        for path in model.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        return folder

    def test_cut_short(self, model: Path, tmp_path: Path) -> None:
        copy = self._copy(model, tmp_path)
        arrays = copy / "model.npz"
        arrays.write_bytes(arrays.read_bytes()[:-100])
        with pytest.raises(ModelDamaged, match="train"):
            EmbeddedInterpreter.load(copy)

    def test_without_arrays(self, model: Path, tmp_path: Path) -> None:
        copy = self._copy(model, tmp_path)
        (copy / "model.npz").unlink()
        with pytest.raises(ModelMissing):
            EmbeddedInterpreter.load(copy)

    @pytest.mark.parametrize(
        ("key", "value"), [("format", 0), ("features", -1), ("labels", {}), ("thresholds", {}), ("temperature", "warm")]
    )
    def test_of_another_version(self, model: Path, tmp_path: Path, key: str, value: object) -> None:
        copy = self._copy(model, tmp_path)
        description = json.loads((copy / "model.json").read_text(encoding="utf-8"))
        (copy / "model.json").write_text(json.dumps({**description, key: value}), encoding="utf-8")
        with pytest.raises(ModelDamaged):
            EmbeddedInterpreter.load(copy)

    @pytest.mark.parametrize("content", ["", "[]", "{", '"model"'])
    def test_description_is_no_description(self, model: Path, tmp_path: Path, content: str) -> None:
        copy = self._copy(model, tmp_path)
        (copy / "model.json").write_text(content, encoding="utf-8")
        with pytest.raises(ModelDamaged):
            EmbeddedInterpreter.load(copy)

    def test_serving_needs_no_scikit_learn(self, model: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from nlu.embedded import EmbeddedInterpreter; from nlu.understand import understand;"
            f"understand('你好', EmbeddedInterpreter.load(Path({str(model)!r})));"
            "print([name for name in ('sklearn', 'scipy', 'torch') if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


class TestAnyText:
    @given(st.text(max_size=300))
    @settings(max_examples=150, deadline=None)
    def test_never_raises(self, interpreter: EmbeddedInterpreter, text: str) -> None:
        said = understand(text, interpreter)
        assert said.intent in INTENTS
        assert 0 <= said.confidence <= 1
        assert set(said.needs) <= set(NEEDS)
        json.dumps(said.as_json())

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "\n\n",
            "😭😭😭",
            "\x00\x07\x1b[31m",
            "\ud800",
            "没" * 100_000,
            "妈没回来" * 25_000,
            "a1-" * 40_000,
            "ﷺ" * 5_000,
        ],
        ids=range(10),
    )
    def test_strange_texts(self, interpreter: EmbeddedInterpreter, text: str) -> None:
        understand(text, interpreter)

    @given(st.text(max_size=200))
    @settings(deadline=None)
    def test_normalising_twice_changes_nothing_for_the_features(self, text: str) -> None:
        assert extract(normalise(text)) == extract(normalise(normalise(text)))

    def test_a_long_letter_keeps_head_and_tail(self) -> None:
        clipped = clip("头" * 5_000 + "尾" * 5_000)
        assert len(clipped) == MAX_CHARACTERS
        assert (clipped[0], clipped[-1]) == ("头", "尾")

    def test_traditional_and_full_width_are_one_spelling(self) -> None:
        assert normalise("我媽住院，１２００元？") == "我妈住院,1200元?"

    @given(st.floats(0, 1), st.floats(0.05, 0.95))
    def test_centring_keeps_order_and_puts_the_threshold_at_one_half(
        self, probability: float, threshold: float
    ) -> None:
        assert 0 <= centred(probability, threshold) <= 1
        assert (centred(probability, threshold) >= 0.5) == (probability >= threshold)


class TestNoise:
    def test_is_seeded_and_sounds_the_same(self) -> None:
        text = "我爱人在医院透析,一个月六千多"
        assert corrupt(text, 0.3, 7) == corrupt(text, 0.3, 7)
        assert corrupt(text, 0) == text
        changed = corrupt(text, 1.0, 1)
        assert changed != text
        assert len(changed) == len(text)
        assert "".join(syllables(changed)) == "".join(syllables(text))


class _Fixed:
    """An interpreter that always says the same."""

    name = "fixed"

    def __init__(self, said: Interpretation) -> None:
        self._said = said

    def interpret(self, text: str) -> Interpretation:
        return self._said


class TestContract:
    def test_self_harm_brings_psychological(self) -> None:
        said = understand("我不想活了", _Fixed(Interpretation({"seek_help": 1.0})))
        assert (said.dangers, said.needs, said.urgency) == (("self_harm",), ("psychological",), "critical")

    def test_medical_emergency_brings_both_needs_even_in_an_answer(self) -> None:
        said = understand("他喝了农药", _Fixed(Interpretation({"give_info": 1.0}, {"living": 0.9})))
        assert said.needs == ("medical", "emergency")

    def test_donors_and_thanks_have_no_needs(self) -> None:
        for intent in ("donate", "thank", "give_info", "affirm"):
            assert understand("棉被", _Fixed(Interpretation({intent: 1.0}, {"living": 0.9}))).needs == ()

    def test_no_intent_fits(self) -> None:
        said = understand("嗯哼", _Fixed(Interpretation({name: 1 / len(INTENTS) for name in INTENTS})))
        assert (said.intent, said.confidence) == ("other", pytest.approx(0.05))

    def test_an_interpreter_without_scores(self) -> None:
        said = understand("我不想活了", _Fixed(Interpretation({})))
        assert (said.intent, said.dangers) == ("other", ("self_harm",))


class TestLines:
    def test_one_line_out_for_each_in(self, interpreter: EmbeddedInterpreter) -> None:
        lines = ['{"id": 1, "text": "你好"}\n', "\n", "not json\n", "[1]\n", '{"id": "x"}\n', '{"id": 2, "text": 5}']
        out = [json.loads(line) for line in parse_lines(lines, interpreter)]
        assert out[0]["intent"]["name"] == "greet"
        assert set(out[0]) == {"id", "intent", "needs", "dangers", "urgency", "facts"}
        assert [sorted(line) for line in out[1:]] == [["error"], ["error"], ["error", "id"], ["error", "id"]]

    def test_a_lone_surrogate_passes(self, interpreter: EmbeddedInterpreter) -> None:
        (line,) = parse_lines(['{"id": 1, "text": "\\ud800你好"}'], interpreter)
        assert json.loads(line)["id"] == 1


class TestEvaluation:
    def test_perfect_and_empty(self) -> None:
        gold = [Gold("1", "我不想活了", "seek_help", ("psychological",), ("self_harm",), {"age": 40})]
        right = [understand("我不想活了", _Fixed(Interpretation({"seek_help": 1.0})))]
        figures = compare(gold, right)
        assert (figures.intent_accuracy, figures.needs_micro_f1, figures.critical_recall) == (1, 1, 1)
        assert figures.critical_false_alarm_rate is None
        assert figures.facts_micro_f1 == 0
        assert [list(mistake.wrong) for mistake in mistakes(gold, right)] == [["facts"]]
        assert json.loads(json.dumps(figures.as_json()))["messages"] == 1
        assert "critical_recall" in figures.as_text()

    def test_reads_training_files_and_json_lines(
        self, data: Path, tmp_path: Path, interpreter: EmbeddedInterpreter
    ) -> None:
        figures, wrong = evaluate(read_gold(data), interpreter)
        assert (figures.intent_accuracy, wrong) == (1.0, [])
        path = tmp_path / "gold.jsonl"
        path.write_text('{"id": "a", "text": "你好", "intent": "greet"}\n\n', encoding="utf-8")
        assert read_gold(path) == [Gold("a", "你好", "greet", (), ())]

    @pytest.mark.parametrize("line", ["{", "[]", '{"text": "a"}', '{"text": "a", "intent": "sing"}'])
    def test_names_the_bad_line(self, tmp_path: Path, line: str) -> None:
        path = tmp_path / "gold.jsonl"
        path.write_text(line + "\n", encoding="utf-8")
        with pytest.raises(GoldError, match="line 1"):
            read_gold(path)
