"""How much of a request we read."""

from __future__ import annotations

from fastapi import Request


class BodyTooLong(Exception):
    """The request's body goes on beyond what we take."""


async def read_body(request: Request, limit: int) -> bytes:
    """The body, at most `limit` bytes of it in memory. Raises BodyTooLong as soon as it is known to be longer."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise BodyTooLong
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLong
    return bytes(body)
