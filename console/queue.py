"""The queue of conversations that need a person: list, one conversation, take over, answer, hand back. Rules: actions/conversations.py."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from actions import conversations
from actions.conversations import LONGEST_ANSWER, ConversationNotFound, Waiting
from actions.errors import HotlineError
from console.pages import fact_lines, page
from console.security import QUEUE_ROLES, CheckedForm, SameOrigin, Visit, for_roles
from store.session import Store

router = APIRouter(prefix="/queue")
Operator = Annotated[Visit, Depends(for_roles(*QUEUE_ROLES))]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("")
def waiting(request: Request, visit: Operator, notice: Annotated[str, Query(max_length=20)] = "") -> Response:
    return page("queue/list.html", visit, rows=_queue(request), notice=notice, now=request.app.state.clock())


@router.get("/rows")
def rows(request: Request, visit: Operator) -> Response:
    """The list alone, for the script that keeps the page fresh."""
    return page("queue/_rows.html", visit, rows=_queue(request), now=request.app.state.clock())


@router.get("/{conversation_id}")
def one(
    request: Request, visit: Operator, conversation_id: Number, problem: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    return _conversation(request, visit, conversation_id, "queue/one.html", problem=problem)


@router.get("/{conversation_id}/lines")
def lines(request: Request, visit: Operator, conversation_id: Number) -> Response:
    """What was said alone, for the script that keeps the page fresh."""
    return _conversation(request, visit, conversation_id, "queue/_lines.html")


@router.post("/{conversation_id}/take", dependencies=[SameOrigin, CheckedForm])
def take(request: Request, visit: Operator, conversation_id: Number) -> Response:
    store: Store = request.app.state.store
    try:
        with store.begin() as session:
            conversations.take_over(session, visit.officer, conversation_id, request.app.state.clock())
    except HotlineError as error:
        return _back(conversation_id, error)
    return _back(conversation_id)


@router.post("/{conversation_id}/answer", dependencies=[SameOrigin, CheckedForm])
def answer(
    request: Request,
    visit: Operator,
    conversation_id: Number,
    text: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    store: Store = request.app.state.store
    try:
        with store.begin() as session:
            conversations.answer(session, visit.officer, conversation_id, text, request.app.state.clock())
    except ConversationNotFound:
        raise
    except HotlineError as error:  # the words come back with the page: nobody types an answer to a crisis twice
        return _conversation(request, visit, conversation_id, "queue/one.html", problem=error.code, draft=text)
    return _back(conversation_id)


@router.post("/{conversation_id}/hand-back", dependencies=[SameOrigin, CheckedForm])
def hand_back(request: Request, visit: Operator, conversation_id: Number) -> Response:
    store: Store = request.app.state.store
    try:
        with store.begin() as session:
            conversations.hand_back(session, visit.officer, conversation_id, request.app.state.clock())
    except HotlineError as error:
        return _back(conversation_id, error)
    return RedirectResponse("/console/queue?notice=handed_back", 303)


def _back(conversation_id: int, error: HotlineError | None = None) -> Response:
    if isinstance(error, ConversationNotFound):
        raise error
    problem = f"?problem={error.code}" if error else ""
    return RedirectResponse(f"/console/queue/{conversation_id}{problem}#end", 303)


def _queue(request: Request) -> list[Waiting]:
    store: Store = request.app.state.store
    with store.session() as session:
        return conversations.queue(session)


def _conversation(
    request: Request, visit: Visit, conversation_id: int, template: str, *, problem: str = "", draft: str = ""
) -> Response:
    store: Store = request.app.state.store
    now: datetime = request.app.state.clock()
    with store.begin() as session:
        found = conversations.read_conversation(session, visit.officer, conversation_id, now)
        described = conversations.describe(session, found)
        said = conversations.transcript(session, conversation_id)
        facts = (found.state or {}).get("facts") or {}
    return page(
        template,
        visit,
        422 if draft else 200,
        one=described,
        lines=said,
        mine=described.owner_id == visit.officer.id,
        facts=fact_lines(request.app.state.house.policy, facts),
        longest=LONGEST_ANSWER,
        problem=problem,
        draft=draft,
        now=now,
    )
