"""For the container's health check: ends with 0 when the server of this container has its model loaded and answers."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.parse
import urllib.request


def healthy(port: int, token: str) -> bool:
    address = f"http://127.0.0.1:{port}/status?{urllib.parse.urlencode({'token': token})}"
    try:
        with urllib.request.urlopen(address, timeout=4) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(not healthy(int(os.environ.get("RASA_PORT", "5005")), os.environ.get("RASA_TOKEN", "")))
