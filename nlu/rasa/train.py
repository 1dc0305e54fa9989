"""Trains the Rasa model of this project; runs in the environment of requirements-nlu.txt, Python 3.10.

    train.py DATA MODEL.tar.gz [--epochs N]

Of DATA only the files directly inside are read (`heldout/` and `lexicon/` are no training data), and of them only those of
Rasa's NLU format. The rest is as config.yml says.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "RASA_MAX_CACHE_SIZE": "0",  # pieces of earlier models, 1 GB in the folder one stands in
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
}


def is_nlu(path: Path) -> bool:
    from ruamel.yaml import YAML

    document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return isinstance(document, dict) and isinstance(document.get("nlu"), list)


def copy_project(data: Path, project: Path, epochs: int | None) -> None:
    """config.yml and the NLU files into a folder of their own: Rasa reads folders whole, and writes into its config."""
    from ruamel.yaml import YAML

    (project / "data").mkdir()
    for path in sorted(data.glob("*.yml")):
        if is_nlu(path):
            shutil.copyfile(path, project / "data" / path.name)
    config = YAML(typ="safe").load((HERE / "config.yml").read_text(encoding="utf-8"))
    for part in config["pipeline"]:
        if epochs and "epochs" in part:
            part["epochs"] = epochs
    with (project / "config.yml").open("w", encoding="utf-8") as file:
        YAML().dump(config, file)


def train(data: Path, model: Path, epochs: int | None) -> None:
    """Train and put the finished model in place at once. Raises what Rasa raises."""
    with tempfile.TemporaryDirectory(prefix="rasa-") as folder:
        project = Path(folder)
        os.environ.update(QUIET, RASA_CACHE_DIRECTORY=str(project / "cache"), HOME=folder)
        copy_project(data, project, epochs)
        from rasa.model_training import train_nlu

        written = train_nlu(
            str(project / "config.yml"), str(project / "data"), str(project / "models"), fixed_model_name="model"
        )
        if not written:
            sys.exit("Rasa wrote no model")
        model.parent.mkdir(parents=True, exist_ok=True)
        part = model.with_name(f".{model.name}.part")
        shutil.copyfile(written, part)
        part.replace(model)


def main() -> None:
    parser = argparse.ArgumentParser(description="train the Rasa model")
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--epochs", type=int)
    asked = parser.parse_args()
    sys.path.append(str(HERE.parents[1]))  # `nlu`, for zh_components
    train(asked.data, asked.model, asked.epochs)


if __name__ == "__main__":
    main()
