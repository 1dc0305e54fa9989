"""Serves a Rasa model over HTTP; runs in the environment of requirements-nlu.txt, Python 3.10.

    RASA_TOKEN=… serve.py MODEL.tar.gz [--host H] [--port N] [--with-parent]

The same as `rasa run --enable-api --auth-token $RASA_TOKEN`, but that it refuses to serve without a token (Rasa would, and
anybody could then delete the model), that the token stands in no list of processes, and that no message is logged.
With `--with-parent` it ends when its standard input does, so that it never outlives the process that started it.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "LOG_LEVEL_LIBRARIES": "ERROR",
}
LEAVE_SECONDS = 5


def leave_with_parent() -> None:
    """Wait for the end of standard input, then end: kindly, and after a while anyhow."""
    while sys.stdin.buffer.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LEAVE_SECONDS)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description="serve the Rasa model")
    parser.add_argument("model", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5005)
    parser.add_argument("--with-parent", action="store_true")
    asked = parser.parse_args()
    token = os.environ.pop("RASA_TOKEN", "").strip()
    if not token:
        sys.exit("RASA_TOKEN is missing: without it anybody who reaches the port could delete the model")
    if not asked.model.is_file():
        sys.exit(f"{asked.model}: no model")
    if asked.with_parent:
        threading.Thread(target=leave_with_parent, daemon=True).start()

    os.environ.update(QUIET)
    sys.path.append(str(HERE.parents[1]))  # `nlu`, for zh_components
    model = str(asked.model.resolve())
    os.chdir(HERE)  # endpoints.yml, credentials.yml

    import structlog
    from rasa.__main__ import main as rasa

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    sys.argv = [
        *("rasa", "run", "--enable-api", "--quiet", "--auth-token", token, "-m", model),
        *("-i", asked.host, "-p", str(asked.port)),
        *("--endpoints", "endpoints.yml", "--credentials", "credentials.yml"),
    ]
    rasa()


if __name__ == "__main__":
    main()
