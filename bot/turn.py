"""The path of one message. Read this first.

    inbox ─► take_turn ─► outbox
               memory.recall       what this conversation knows
               nlu.hear            text → Heard                     (pure)
               dialogue.decide     state + heard → next step        (pure)
               actions.perform     hints, referral, progress …      (same transaction)
               wording.reply       result → templates/replies/
               memory.remember

The caller owns the transaction: it commits, and only then does the outbox send.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.orm import Session

from actions.eligibility import Hint, Policy
from actions.perform import Case, Results, Tools, is_finished, perform, worse
from actions.requests import OpenReferral
from bot import memory
from bot.dialogue import Counsel, decide
from bot.outbox import LONGEST, split
from bot.state import State
from bot.step import Part, Step
from bot.wording import Wording
from nlu.hear import Heard, hear
from nlu.labels import urgency_of
from nlu.understanding import Interpreter
from store.models import Conversation, Inbox, Outbox

LONG_MESSAGE = 4000  # characters; what is beyond is kept whole, but only head and tail are interpreted


@dataclass(frozen=True)
class House:
    """Everything that a turn needs and that outlives it, put together once in hotline/assembly.py."""

    interpreter: Interpreter
    policy: Policy
    tools: Tools
    wording: Wording
    place: str  # division code of the county

    @property
    def counsel(self) -> Counsel:
        return Counsel(self.policy, self.place, self.tools.find_unit)


@dataclass(frozen=True)
class Turn:
    """What one message led to. `reply` is None while a person owns the conversation: then the assistant is silent."""

    state: State
    heard: Heard | None
    reply: str | None
    parts: tuple[Part, ...] = ()
    hints: tuple[Hint, ...] = ()
    results: Results = field(default_factory=Results)


def take_turn(session: Session, message: Inbox, conversation: Conversation, house: House, now: datetime) -> Turn:
    """Answer one message. Everything it does joins the session's transaction."""
    state = memory.recall(conversation)
    if is_finished(session, state.referral):
        state = state.after_the_referral()
    if conversation.handoff == "returned":
        state = state.after_a_person()
    if conversation.handoff == "owned":
        turn = _listen(state, message, conversation, house)
    elif message.kind == "text":
        turn = _answer(session, state, message.text or "", conversation, house, now)
    else:
        turn = _receive_other(state, message.kind, house, now)

    memory.remember(conversation, replace(turn.state, last_at=now.isoformat()), now)
    if turn.heard:
        message.understanding = turn.heard.understanding.as_json()
    message.status, message.answered_at = "answered", now
    if turn.reply:
        template = "+".join(part.template for part in turn.parts)[:60]
        for n, piece in enumerate(split(turn.reply, LONGEST.get(message.channel))):
            session.add(
                Outbox(
                    conversation_id=conversation.id,
                    inbox_id=message.id,
                    n=n,
                    template=template,
                    text=piece,
                    next_try_at=now,
                    created_at=now,
                )
            )
    return turn


def _answer(session: Session, state: State, text: str, conversation: Conversation, house: House, now: datetime) -> Turn:
    question = state.conflict.fact if state.conflict else state.asked
    heard = hear(text, question, house.interpreter, state.unanswered)
    step = decide(state, heard, house.counsel, now)
    results = perform(step.requests, _case(state, step), conversation, session, house.tools, now)
    state = _after(step, results)
    parts = (*step.parts, Part("long_message")) if len(text) > LONG_MESSAGE else step.parts
    return Turn(state, heard, house.wording.reply(parts, results, now), parts, step.hints, results)


def _case(before: State, step: Step) -> Case:
    state = step.state
    return Case(
        facts=state.facts,
        needs=state.needs,
        dangers=state.dangers,
        urgency=urgency_of(state.dangers),
        programmes=tuple(hint.programme for hint in step.hints if hint.verdict == "likely"),
        words=state.words,
        # After "delete everything" the new state is empty, but what is withdrawn is the old one's.
        referral=state.referral or (before.referral if before.household == state.household else None),
        household=state.household,
    )


def _after(step: Step, results: Results) -> State:
    if any(isinstance(request, OpenReferral) for request in step.requests) and results.referral:
        return replace(step.state, referral=results.referral.number)
    if results.withdrawn and results.withdrawn == step.state.referral:
        return replace(step.state, referral=None, earlier_referrals=(*step.state.earlier_referrals, results.withdrawn))
    return step.state


def _receive_other(state: State, kind: str, house: House, now: datetime) -> Turn:
    """A voice note, a photo, a file: kept, and said what comes of it. The open question stays open."""
    parts = (Part(f"received_{kind}", {"referral": state.referral}),)
    return Turn(state, None, house.wording.reply(parts, Results(), now), parts)


def _listen(state: State, message: Inbox, conversation: Conversation, house: House) -> Turn:
    """A person owns the conversation: understand for the desk's sake, say nothing. A danger moves it up in the queue all the same."""
    if message.kind != "text" or not message.text:
        return Turn(state, None, None)
    heard = hear(message.text, state.asked, house.interpreter)
    understood = heard.understanding
    if understood.dangers:
        conversation.severity = worse(conversation.severity, urgency_of(understood.dangers))
    state = state.hear(heard.text, understood.needs, understood.dangers).learn({**heard.extra, **understood.facts})
    return Turn(replace(state, asked=None), heard, None)
