"""What to do next. Pure: state and what was heard in, the next step out; no clock, no database, no wording.

The order is the law of this file: danger first; then a person, if one is asked for; then what the message wants; then at most
one question, never one that was answered or declined, and after six it sums up and offers a referral.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from actions.eligibility import Hint, Policy, assess, next_question, validate_facts
from actions.requests import (
    AddToReferral,
    AlertPerson,
    Consent,
    EraseEverything,
    LookUpProgress,
    OpenReferral,
    ReferralKind,
    Request,
    WithdrawReferral,
)
from actions.routing import Unit
from bot.learning import OWN_QUESTIONS, Learned, learn
from bot.state import MAX_QUESTIONS, State
from bot.step import Part, Step
from bot.views import apply_view, hint_views, place_view
from nlu.answers import read_answer
from nlu.hear import Heard
from nlu.labels import DANGER_URGENCY, URGENCY_RANK, urgency_of

CHINA: Final = timezone(timedelta(hours=8))
SHORT_ANSWER = 10  # characters; a longer denial denies something else than the question
RETURN_AFTER = timedelta(hours=6)  # a silence after which the talk is picked up with a word of welcome
SURE_IN_A_CASE = 0.5  # confidence from which a new topic is believed in the middle of a case
UNSURE_BELOW = 0.30  # confidence under which nothing but facts and dangers is believed; see docs/decisions

# Side questions that are answered in passing, in this order.
_SIDE: Final = (
    "papers", "proxy", "home_visit", "anonymous", "both_subsidies", "how_long", "who_decides", "cost", "amount", "appeal",
    "money_now", "seized",
)  # fmt: skip
# Asking for one of these when another is known would be asking twice.
_SAME_QUESTION: Final = (
    frozenset({"household_income_monthly", "income_per_person_monthly", "household_income_12m"}),
    frozenset({"medical_expense", "medical_expense_monthly", "medical_expense_12m"}),
    frozenset({"hukou", "hukou_place"}),
    frozenset({"event_place", "residence_place"}),
    frozenset({"disability_certificate", "disability_grade"}),
    frozenset({"employment", "work_capacity"}),
)
# Strange questions to somebody who never spoke of such a thing.
_ONLY_WHEN_SPOKEN_OF: Final = {
    "away_from_home": frozenset({"stranded"}),
    "natural_disaster": frozenset({"disaster"}),
    "legal_matter": frozenset({"legal"}),
    "death_in_family": frozenset({"funeral"}),
}
_ENDED_BY: Final = {"self_harm": "calmed", "missing_person": "found", "unattended": "found"}  # remarks; else "over"
_PLACES: Final = ("event_place", "residence_place", "hukou_place")
_ASKING: Final = frozenset({"ask_policy", "ask_apply", "ask_hukou", "ask_progress"})
_LEAVES_A_CRISIS: Final = _ASKING | {"talk_to_human", "donate"}  # all else is said by somebody still in it
_EMERGENCIES: Final = frozenset({"accident", "fire", "death_of_earner"})


@dataclass(frozen=True, slots=True)
class Counsel:
    """What the dialogue may consult: the law, and where a place belongs. `place` is the county's division code."""

    policy: Policy
    place: str
    find_unit: Callable[[str | None], Unit | None]

    def hints(self, facts: Mapping[str, Any], now: datetime) -> tuple[Hint, ...]:
        return assess(self.policy, facts, now.astimezone(CHINA).date(), self.place)  # the law's day begins there


def decide(state: State, heard: Heard, counsel: Counsel, now: datetime) -> Step:
    """Choose the next step for what was just heard."""
    talk = _Talk(state, heard, counsel, now)
    talk.run()
    return Step(
        replace(talk.state, turns=state.turns + 1, last_at=now.isoformat()),
        tuple(talk.parts),
        tuple(talk.requests),
        talk.hints,
    )


@dataclass
class _Talk:
    """One turn in the making. Its methods are the topics; `run` is their order."""

    state: State
    heard: Heard
    counsel: Counsel
    now: datetime
    parts: list[Part] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    hints: tuple[Hint, ...] = ()
    learned: Learned | None = None
    asked: str | None = None  # the question that stood open when the message came
    switched: bool = False  # this message began to speak of another household

    # -- the order ---------------------------------------------------------------------------------------------

    def run(self) -> None:
        self._resume()
        self._read_with_question()
        if self.heard.says_nothing and self.heard.intent not in ("affirm", "deny"):
            return self._nudge()
        self._take_in()
        self._call_off()
        if self.heard.understanding.dangers:
            return self._danger()
        if self._in_crisis():
            return self._stay()
        if self.learned and self.learned.impossible and not self._wants_referral():
            return self._ask_again(*self.learned.impossible)
        if self.learned and self.learned.conflict and not self._wants_referral():
            if self.state.referral:
                self.requests.append(AddToReferral())
            return self._ask_which()
        if topic := self._topic():
            topic()
        else:
            self._go_on()
        return None

    def _resume(self) -> None:
        """Silence and return: what was known still holds, and so does the question that stood open."""
        last = self.state.last_at
        if last is None or self.now - datetime.fromisoformat(last) < RETURN_AFTER:
            return
        # A fire of yesterday burns no more, and who comes back is heard again; despair does not end by itself.
        now_over = {danger for danger in _critical(self.state.dangers) if danger != "self_harm"}
        self.state = replace(self.state, dangers=tuple(d for d in self.state.dangers if d not in now_over))
        if self.state.kind or self.state.referral:
            self.say("welcome_back", has_referral=self.state.referral is not None)

    def _read_with_question(self) -> None:
        """What the open question changes in what was heard, before anything is decided upon.

        Nobody with us, said of a grown person who was asked for company, is no new danger; a bare place is where they are,
        though the question was asked earlier.
        """
        heard, understood = self.heard, self.heard.understanding
        if self.state.asked == "company" and understood.dangers == ("unattended",):
            heard = replace(heard, understanding=replace(understood, dangers=()))
        if "wages_owed" in heard.remarks and "legal_matter" not in heard.extra:
            heard = replace(heard, extra={**heard.extra, "legal_matter": "wages"})
        if self._speaks_of_something_else():
            heard = replace(heard, answer=None)
        place_asked = set(_PLACES[:2]) & set(self.state.asked_before) and not set(_PLACES[:2]) & set(self.state.facts)
        taken = heard.answer is not None and heard.answer.kind != "none"
        if place_asked and not taken and not understood.facts and understood.intent == "give_info":
            answer = read_answer("event_place", heard.text) if len(heard.text) <= SHORT_ANSWER else None
            if answer and answer.kind == "value":
                heard = replace(heard, extra={**heard.extra, "event_place": answer.value})
        self.heard = heard

    def _speaks_of_something_else(self) -> bool:
        """A question off the subject begins with a yes or a no as often as not; it answers nothing."""
        answer = self.heard.answer
        return answer is not None and isinstance(answer.value, bool) and self._asks_aside()

    def _asks_aside(self) -> bool:
        heard = self.heard
        sure = heard.intent == "other" and heard.understanding.confidence >= SURE_IN_A_CASE
        return sure and "asks" in heard.remarks and len(heard.text) > SHORT_ANSWER

    def _take_in(self) -> None:
        heard = self.heard
        if self._another_household():
            self.switched = True
            self.state = self.state.for_another_household()
            self.say("another_household")
        self.asked = self.state.conflict.fact if self.state.conflict else self.state.asked
        stated = {**heard.extra, **heard.understanding.facts}
        if self.asked and self.asked not in OWN_QUESTIONS and heard.answer and heard.answer.kind == "value":
            stated.setdefault(self.asked, heard.answer.value)
        _, errors = validate_facts(self.counsel.policy, stated)
        impossible = {name: stated[name] for name in errors}
        self.learned = learn(self.state, heard, impossible)
        told = heard.intent in ("greet", "thank", "goodbye", "other") and not heard.understanding.dangers
        state = (
            self.learned.state
            if told
            else self.learned.state.hear(heard.text, heard.understanding.needs, heard.understanding.dangers)
        )
        state = replace(state, asked=None, named=tuple(dict.fromkeys((*state.named, *heard.programmes))))
        if "anonymous" in heard.remarks:
            state = state.decline("phone")
        self.state = _conclude(state, self.counsel)
        self.hints = self.counsel.hints(self.state.facts, self.now) if self._is_case() else ()

    def _another_household(self) -> bool:
        if "another_household" in self.heard.remarks and self.state.kind:
            return True
        mine = self.state.kind == "help" and self.state.facts.get("for_whom") in ("self", "family")
        return mine and self.heard.intent == "report_other" and self.heard.understanding.confidence >= 0.5

    def _is_case(self) -> bool:
        return bool(
            self.state.kind or self.state.needs or set(self.state.facts) - {"phone", "id_number", "ticket_number"}
        )

    # -- danger ------------------------------------------------------------------------------------------------

    def _danger(self) -> None:
        dangers = sorted(self.heard.understanding.dangers, key=lambda name: -URGENCY_RANK[DANGER_URGENCY[name]])
        severity = urgency_of(dangers)
        kind: ReferralKind = "report" if self.heard.intent == "report_other" else "danger"
        self.state = replace(
            self.state, kind=self.state.kind or ("report" if kind == "report" else "help"), handed_off=True
        )
        self.requests += [OpenReferral(kind, "emergency"), AlertPerson(severity)]
        known = self.state.explained
        of_another = "harm_of_another" in self.heard.remarks
        for danger in dangers[:2]:
            whom = self._for_whom() if danger != "self_harm" else ("other" if of_another else "self")
            self.say(f"danger_{danger}", again=f"danger_{danger}" in known, for_whom=whom)
        self.state = self.state.explain(*(f"danger_{danger}" for danger in dangers))
        self._tell_registration_in_emergency(severity)
        self._answer_side_questions()
        self.say("referral_opened", consent="emergency")
        if "self_harm" in dangers and "company" not in self.state.asked_before:
            self.ask("company", "other" if of_another else "self")
        elif question := self._next_contact_question():
            self.ask(question)

    def _in_crisis(self) -> bool:
        """A critical danger was raised before, and this message does not call it off or speak of something else."""
        if urgency_of(self.state.dangers) != "critical":
            return False
        return self.heard.intent not in _LEAVES_A_CRISIS

    def _stay(self) -> None:
        """Stay with somebody in danger: no questions of money or papers, no small talk; a person is on the way."""
        if self.learned and (self.learned.new or self.learned.changed):
            self.requests.append(AddToReferral())
        critical = _critical(self.state.dangers)
        self.say("stay", danger=critical[-1], denied=False, learned=bool(self.learned and self.learned.new))
        self._answer_side_questions()
        if question := self._next_contact_question():
            self.ask(question)

    def _call_off(self) -> None:
        """Only plain words end a crisis: they never thought of it, or it is over. A bare no answers something else."""
        over = [
            danger
            for danger in _critical(self.state.dangers)
            if _ENDED_BY.get(danger, "over") in self.heard.remarks and danger not in self.heard.understanding.dangers
        ]
        if not over:
            return
        self.state = replace(self.state, dangers=tuple(d for d in self.state.dangers if d not in over))
        self.requests.append(AddToReferral())
        if not self.heard.understanding.dangers:
            self.say("stay", danger=over[-1], denied=True, learned=False)

    def _tell_registration_in_emergency(self, severity: str) -> None:
        """In an emergency registration does not matter: said when it is asked, or when they are from elsewhere."""
        elsewhere = self.state.facts.get("hukou") in ("nonlocal", "none")
        asks = self.heard.intent == "ask_hukou" or "hukou" in self.heard.remarks
        if severity != "routine" and (elsewhere or asks) and "emergency_registration" not in self.state.explained:
            self.say("emergency_registration", place=self._place(), hukou=self.state.facts.get("hukou"))
            self.state = self.state.explain("emergency_registration")

    # -- topics ------------------------------------------------------------------------------------------------

    def _topic(self) -> Callable[[], None] | None:
        """What this message is about, or None when it goes on with what we were at."""
        heard, intent = self.heard, self.heard.intent
        if self.asked == "erase":
            return self._erase
        if intent == "talk_to_human" and ("person" in heard.remarks or "wants_referral" not in heard.remarks):
            return self._person
        if "wants_erasure" in heard.remarks and intent in ("withdraw", "deny", "other", "complain"):
            return self._ask_erasure
        if "injection" in heard.remarks and not self._has_substance():
            return self._cannot
        if "abuse" in heard.remarks and not self._has_substance():
            return self._abused
        if intent == "withdraw" and self.asked != "consent":
            return self._withdraw
        if self.asked == "consent" and (decision := self._consent_decision()) is not None:
            return self._consented if decision else self._refused
        if self._wants_referral():
            return self._consented
        if "still_waiting" in heard.remarks and (self.state.referral or self.state.handed_off):
            return self._person if self.state.handed_off else self._progress
        if intent == "ask_progress" or self._gives_only_a_number():
            return self._progress
        if (
            "refuses_referral" in heard.remarks
            and not self.state.referral
            and intent in ("deny", "withdraw", "other", "goodbye", "thank", "affirm")
        ):
            return self._refused
        topics: dict[str, Callable[[], None]] = {
            "ask_hukou": self._registration,
            "ask_policy": self._explain,
            "ask_apply": self._explain,
            "complain": self._complaint,
            "report_change": self._change,
            "donate": self._donation,
            "greet": self._greet,
            "thank": self._thank,
            "goodbye": self._goodbye,
        }
        if intent in ("greet", "thank", "goodbye") and self._learned_something():
            return None
        if intent in ("greet", "thank", "goodbye") and heard.remarks & set(_SIDE):
            return self._aside
        if intent in _ASKING and self._only_tells():
            return None
        if self.switched and intent not in _ASKING:
            self.state = replace(self.state, kind="report")
            return None
        if self._is_foreign() and not self._learned_something() and len(heard.text.split()) >= 3:
            return self._other
        if self._in_the_middle() and self._only_adds():
            return None if self._learned_something() else self._tells_more
        believed = heard.understanding.confidence >= UNSURE_BELOW
        if intent in topics and believed:
            return topics[intent]
        if (intent == "other" or (intent in topics and not believed)) and not self._learned_something():
            return self._other
        return None

    def _person(self) -> None:
        severity = urgency_of(self.state.dangers)
        self.requests.append(AlertPerson(severity))
        self.say("handoff", again=self.state.handed_off)
        self.state = replace(self.state, handed_off=True)

    def _ask_erasure(self) -> None:
        self.say("ask_erase")
        self.state = replace(self.state, asked="erase")

    def _erase(self) -> None:
        answer = self.heard.answer
        if answer and answer.value is True and self.heard.intent != "deny":
            self.requests.append(EraseEverything())
            self.say("erased")
            self.state = State(turns=self.state.turns)
        else:
            self.say("erase_kept")

    def _withdraw(self) -> None:
        number = self.heard.understanding.facts.get("ticket_number")  # a number asked about before is not meant now
        if self.state.referral or self.state.earlier_referrals or number:
            self.requests.append(WithdrawReferral(number))
            self.say("withdrawn", number=number)
            self.state = replace(self.state, consent="refused")
        else:
            self._refused()

    def _progress(self) -> None:
        number = self.heard.understanding.facts.get("ticket_number")
        if number is None and not self.state.referral:
            number = self.state.facts.get("ticket_number")
        self.requests.append(LookUpProgress(number))
        self.say("progress", programmes=self._named_views())
        self._answer_side_questions("how_long")

    def _registration(self) -> None:
        self.say(
            "registration",
            hukou=self.state.facts.get("hukou"),
            hukou_place=self.state.facts.get("hukou_place"),
            place=self._place(),
            programmes=self._named_views() or self._views(limit=2, only_relevant=True),
            urgent=self._is_emergency(),
        )
        self.state = self.state.explain("registration")
        self._answer_side_questions("hukou")
        self._go_on_if_personal()

    def _explain(self) -> None:
        """Tell what a programme is or how to apply. With facts about somebody it goes on as their case; else it opens nothing."""
        spoken_of = self.heard.programmes or self._programmes_for(self.heard.understanding.needs)
        aside = bool(self.heard.remarks & set(_SIDE)) and not spoken_of
        near = tuple(view["name"] for view in self._views(limit=2, only_relevant=True))
        names = () if aside else spoken_of or self.state.named or near or self._programmes_for(self.state.needs)
        views = [apply_view(self.counsel.policy, name, self._place(), self.state.facts) for name in names[:2]]
        applying = self.heard.intent == "ask_apply"
        if views:
            self.say("how_to_apply" if applying else "what_it_is", programmes=views)
        elif not self.heard.remarks & set(_SIDE):
            self.say("which_programme")
        self._answer_side_questions()
        self._go_on_if_personal()

    def _complaint(self) -> None:
        first = self.state.kind != "complaint"
        if self.state.kind is None or not self.state.referral:
            self.state = replace(self.state, kind="complaint")
        if not self._tell_of_wages() and (first or self._learned_something()):
            self.say("complaint", first=first)
        self._answer_side_questions("appeal")
        self._go_on_quietly()

    def _tell_of_wages(self) -> bool:
        """Wages owed are another department's: said once, wherever in the talk they come up. Whether they are the matter."""
        owed = self.state.facts.get("legal_matter") == "wages"
        if owed and "wages" not in self.state.explained:
            self.say("wages")
            self.state = self.state.explain("wages")
        return owed

    def _change(self) -> None:
        self.state = replace(self.state, kind=self.state.kind or "change")
        self.say("change", place=self._place())
        self._go_on_quietly()

    def _donation(self) -> None:
        self.say("donation")

    def _greet(self) -> None:
        if self.state.kind or self.asked:
            self.say("still_here")
            self._repeat_question()
        else:
            self.say("welcome", first=self.state.turns == 0)

    def _aside(self) -> None:
        self._answer_side_questions()
        self._repeat_question()

    def _thank(self) -> None:
        self.say("thanks", referral=self.state.referral)
        self._repeat_question()

    def _goodbye(self) -> None:
        self.say("goodbye", referral=self.state.referral)

    def _other(self) -> None:
        """Off the subject; but in the middle of a case a plain statement belongs to the case, whatever it looks like."""
        answerable = self.asked is None or self.state.referral is not None
        if self._in_the_middle() and answerable and not {"asks", "about_bot", "no_need"} & self.heard.remarks:
            return self._tells_more()
        if self.heard.programmes and "asks" in self.heard.remarks:
            return self._explain()
        if "about_bot" in self.heard.remarks:
            self.say("about_bot")
        elif "no_need" in self.heard.remarks:
            self.say("no_need")
        elif self._is_foreign():
            self.say("other_language")
        elif self.asked and self.asked not in OWN_QUESTIONS and not self._asks_aside():
            self.say("not_understood")
        elif self.heard.understanding.confidence < UNSURE_BELOW:
            self.say("not_sure")
        elif self.heard.understanding.needs:
            self.say("suggestion")
        else:
            self.say("off_topic")
        self._answer_side_questions()
        self._repeat_question()
        return None

    def _in_the_middle(self) -> bool:
        return self.state.referral is not None or self.state.kind in ("help", "report")

    def _tells_more(self) -> None:
        self.state = self.state.hear(self.heard.text, (), ())
        if self.state.referral:
            self.requests.append(AddToReferral())
            self._answer_side_questions()
            self.say("noted_all", referral=self.state.referral)
            self._ask_contact()
        else:
            self.say("noted")
            self._go_on_quietly()

    def _cannot(self) -> None:
        self.say("cannot")
        self._repeat_question()

    def _abused(self) -> None:
        self.say("abused")
        self._repeat_question()

    def _nudge(self) -> None:
        self.state = replace(self.state, asked=self.state.asked)
        self.say("nudge", first=self.state.turns == 0)
        self.asked = self.state.asked
        self._repeat_question()

    # -- consent and referral ----------------------------------------------------------------------------------

    def _consent_decision(self) -> bool | None:
        heard = self.heard
        short = len(heard.text) <= SHORT_ANSWER
        if "refuses_referral" in heard.remarks or heard.intent == "withdraw" or (heard.intent == "deny" and short):
            return False
        if heard.intent == "affirm" or "wants_referral" in heard.remarks or "phone" in heard.understanding.facts:
            return True
        if heard.answer and heard.answer.kind == "value" and short and "asks" not in heard.remarks:
            return bool(heard.answer.value)
        return None

    def _gives_only_a_number(self) -> bool:
        """The number of a referral, put right or sent by itself: they want to know how it stands."""
        understood = self.heard.understanding
        only = "ticket_number" in understood.facts and not understood.needs and len(understood.facts) == 1
        return only and self.heard.intent in ("give_info", "correct", "other", "affirm", "greet")

    def _wants_referral(self) -> bool:
        if self.state.referral or not self._is_case():
            return False
        asks_for_it = "wants_referral" in self.heard.remarks and "refuses_referral" not in self.heard.remarks
        asks_something = self.heard.intent in _ASKING and "asks" in self.heard.remarks
        first_report = self.heard.intent == "report_other" and self.state.kind is None
        return (
            asks_for_it and not asks_something and not first_report and self.heard.intent not in ("withdraw", "donate")
        )

    def _only_tells(self) -> bool:
        """Named a question by its words, but in the middle of a case, with facts in it and nothing that asks."""
        in_a_case = self.asked is not None or self.state.kind is not None
        return in_a_case and self._learned_something() and "asks" not in self.heard.remarks

    def _only_adds(self) -> bool:
        """In the middle of a case these intents are mistaken more often than meant: a correction, a word that we are still there."""
        heard, intent = self.heard, self.heard.intent
        if intent == "talk_to_human" or "still_there" in heard.remarks:
            return True
        if intent == "report_change":
            return self.state.kind != "change" and not self.state.facts.get("current_status")
        return intent in ("complain", "donate") and heard.understanding.confidence < SURE_IN_A_CASE

    def _consented(self) -> None:
        kinds: dict[str | None, ReferralKind] = {"complaint": "complaint", "change": "change", "report": "report"}
        self.state = replace(self.state, kind=self.state.kind or "help", consent="given")
        self._acknowledge()
        self._hint()
        self._answer_side_questions()
        self._open(kinds.get(self.state.kind, "help"), "given")
        if question := self._next_contact_question():
            self.ask(question)

    def _refused(self) -> None:
        self.state = replace(self.state, consent="refused")
        views = self._views(limit=2, only_relevant=True)
        self.say("referral_declined", programmes=views, registered=self.state.referral)

    def _open(self, kind: ReferralKind, consent: Consent) -> None:
        self.requests.append(OpenReferral(kind, consent))
        self.say("referral_opened", consent=consent)

    # -- going on ----------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """A wish for help, a report, or an answer: hints, then one question or the offer of a referral."""
        heard = self.heard
        if self._reports():
            self.state = replace(self.state, kind="report")
        elif heard.intent in ("seek_help", "report_other"):
            self.state = replace(self.state, kind=self.state.kind or "help")
        if "injection" in heard.remarks:
            self.say("cannot")
        if self.state.kind is None and not self._is_case():
            self._answer_side_questions()
            if not self.parts:
                self.say("wish", unsure=heard.understanding.confidence < UNSURE_BELOW)
            return None
        self._acknowledge()
        self._tell_of_wages()
        if self.learned and self.learned.impossible:
            return self._ask_again(*self.learned.impossible)
        if self.learned and self.learned.conflict:
            return self._ask_which()
        if self.state.kind == "report" and not self.state.referral:
            self._answer_side_questions()
            self._open("report", "not_asked")
            return self._ask_contact()
        if self._is_emergency() and not self.state.referral and heard.intent == "seek_help":
            self.say("emergency")
            self._tell_registration_in_emergency("urgent")
            self._hint()
            self._answer_side_questions()
            self._open("help", "emergency")
            self.requests.append(AlertPerson("urgent"))
            self.state = replace(self.state, handed_off=True)
            return self._ask_contact()
        if self.state.kind is None and self._learned_something():
            self.state = replace(self.state, kind="help")
        self._go_on_quietly(hint=True)
        return None

    def _reports(self) -> bool:
        """Whether somebody else's household is told of. What is opened at once must not rest on a doubtful intent."""
        if self.heard.intent != "report_other" or (self.asked and len(self.heard.text) <= SHORT_ANSWER):
            return False
        whom = self.heard.understanding.facts.get("for_whom")
        return whom == "other" or (whom is None and self.heard.understanding.confidence >= SURE_IN_A_CASE)

    def _go_on_if_personal(self) -> None:
        """After an explanation: carry on with the case only when the message told of somebody's own."""
        if self.state.kind or set(self.state.facts) - {"for_whom", "phone", "hukou", "hukou_place", "residence_place"}:
            self.state = replace(self.state, kind=self.state.kind or "help")
            self._go_on_quietly(hint=True)

    def _go_on_quietly(self, *, hint: bool = False) -> None:
        """The next question or the offer, without a greeting of its own."""
        self._answer_side_questions()
        if self.state.referral:
            if self._learned_something():
                self.requests.append(AddToReferral())
                self.say("referral_added", again="referral_added" in self.state.explained)
                self.state = self.state.explain("referral_added")
            elif not self.parts:
                self.say("noted_all", referral=self.state.referral)
            return self._ask_contact()
        if hint and not self.state.hinted:
            self._hint()
        if self.state.consent == "refused":
            if not self.parts:
                self.say("anything_else")
            return None
        question = self._next_question()
        if question:
            self.ask(question)
        elif not self.state.offered:
            self._offer()
        elif not self.parts:
            self.say("offer_again")
            self.state = replace(self.state, asked="consent")
        return None

    def _ask_contact(self) -> None:
        passed_over = self.asked in _PLACES and not self._learned_something() and self.asked not in self.state.declined
        if passed_over and "anonymous" in self.heard.remarks:
            self.state = replace(self.state, asked=self.asked)
            self.say(f"ask_{self.asked}", again=True, for_whom=self._for_whom())
        elif question := self._next_contact_question():
            self.ask(question)

    def _acknowledge(self) -> None:
        if self.learned is None:
            return
        if self.learned.changed:
            self.say("corrected", changed=dict(self.learned.changed))
        elif self.asked and self.asked in self.state.declined and self.learned.answered:
            if "anonymous" not in self.heard.remarks:
                self.say("declined_ok")
        elif self.heard.intent in ("seek_help", "report_other", "give_info") and self.state.turns == 0:
            self.say("sympathy", needs=list(self.state.needs), report=self.state.kind == "report")
        elif (self.learned.new or self.learned.answered) and not self._tells_of_referral():
            self.say("noted")

    def _tells_of_referral(self) -> bool:
        """What follows says that it is written down, so that saying it before would be saying it twice."""
        return self.state.referral is not None or self.state.consent == "given"

    def _ask_again(self, fact: str, value: Any) -> None:
        self.say("impossible", fact=fact, value=value)
        self.state = replace(self.state, asked=fact)

    def _ask_which(self) -> None:
        conflict = self.learned.conflict if self.learned else None
        if conflict:
            self.say("which", fact=conflict.fact, earlier=conflict.earlier, later=conflict.later)
            self.state = replace(self.state, conflict=conflict, asked="which")

    def _repeat_question(self) -> None:
        """After an interruption the open question stands as it was; it is not counted twice."""
        if self.asked and not self.state.referral:
            self.state = replace(self.state, asked=self.asked)
            if self.asked not in OWN_QUESTIONS:
                self.say(f"ask_{self.asked}", again=True, for_whom=self._for_whom())

    def _offer(self) -> None:
        self._hint(again=True)
        self.say("offer", kind=self.state.kind, place=self._place(), phone_known="phone" in self.state.facts)
        self.state = replace(self.state.asking("consent"), offered=True)

    def _hint(self, *, again: bool = False) -> None:
        if (self.state.hinted and not again) or self.state.kind in ("complaint", "change", "report"):
            return
        views = self._views(limit=3, only_relevant=True)
        if views:
            self.say("hints", programmes=views, again=self.state.hinted)
            self.state = replace(self.state, hinted=True)

    def _answer_side_questions(self, *but: str) -> None:
        for topic in _SIDE:
            if (
                topic in self.heard.remarks
                and topic not in but
                and not any(p.template == f"side_{topic}" for p in self.parts)
            ):
                self.say(f"side_{topic}", programmes=self._views(limit=1, only_relevant=True), place=self._place())
        hukou_asked = "hukou" in self.heard.remarks and self.heard.intent != "ask_hukou" and "hukou" not in but
        if hukou_asked and not any(p.template in ("registration", "emergency_registration") for p in self.parts):
            self.say(
                "registration",
                hukou=self.state.facts.get("hukou"),
                hukou_place=self.state.facts.get("hukou_place"),
                place=self._place(),
                programmes=self._named_views() or self._views(limit=2, only_relevant=True),
                urgent=self._is_emergency(),
            )

    # -- questions ---------------------------------------------------------------------------------------------

    def _may_ask(self, question: str) -> bool:
        state = self.state
        if state.questions >= MAX_QUESTIONS or any(p.template.startswith("ask_") for p in self.parts):
            return False
        same = next((group for group in _SAME_QUESTION if question in group), frozenset({question}))
        taken = {*state.facts, *state.declined, *state.asked_before}
        return not same & taken

    def _next_contact_question(self) -> str | None:
        """What the office needs to find them: the place, then a telephone number."""
        if not any(name in self.state.facts for name in _PLACES[:2]) and self._may_ask("event_place"):
            return "event_place"
        return "phone" if self._may_ask("phone") else None

    def _next_question(self) -> str | None:
        state = self.state
        if state.kind in ("complaint", "change"):
            return (
                "residence_place"
                if not any(name in state.facts for name in _PLACES) and self._may_ask("residence_place")
                else None
            )
        if state.questions >= MAX_QUESTIONS - 1:
            return None
        place_known = any(name in state.facts for name in _PLACES)
        if not place_known and state.questions >= 3 and self._may_ask("residence_place"):
            return "residence_place"
        taken = {*state.declined, *state.asked_before}
        for group in _SAME_QUESTION:
            if group & {*taken, *state.facts}:
                taken |= group
        taken |= {name for name, needs in _ONLY_WHEN_SPOKEN_OF.items() if not needs & set(state.needs)}
        question = next_question(
            self.counsel.policy, state.facts, self.hints, asked_or_declined=taken, focus=self._relevant()
        )
        if question and self._may_ask(question.fact):
            return question.fact
        return "residence_place" if not place_known and self._may_ask("residence_place") else None

    # -- small things ------------------------------------------------------------------------------------------

    def say(self, template: str, **data: Any) -> None:
        self.parts.append(Part(template, data))

    def ask(self, question: str, whom: str | None = None) -> None:
        self.say(f"ask_{question}", again=False, for_whom=whom or self._for_whom())
        self.state = self.state.asking(question)

    def _for_whom(self) -> str | None:
        return "other" if self.state.kind == "report" else self.state.facts.get("for_whom")

    def _learned_something(self) -> bool:
        return bool(
            self.learned
            and (self.learned.new or self.learned.changed or self.learned.answered or self.learned.impossible)
        )

    def _has_substance(self) -> bool:
        heard = self.heard.understanding
        return bool(heard.needs and heard.intent in ("seek_help", "report_other", "complain")) or bool(
            self.learned and set(self.learned.new) - {"for_whom"}
        )

    def _is_emergency(self) -> bool:
        facts = self.state.facts
        if self.state.dangers or "stranded" in self.state.needs or facts.get("away_from_home"):
            return True
        return "emergency" in self.state.needs and facts.get("sudden_event") in _EMERGENCIES

    def _is_foreign(self) -> bool:
        letters = [c for c in self.heard.text if c.isalpha()]
        return bool(letters) and not any("\u4e00" <= c <= "\u9fff" for c in letters)

    def _place(self) -> Mapping[str, Any]:
        return place_view(self.state.facts, self.counsel.find_unit)

    def _programmes_for(self, needs: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name, p in self.counsel.policy.programmes.items() if set(p.needs) & set(needs))

    def _relevant(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.state.named, *self._programmes_for(self.state.needs))))

    def _named_views(self) -> list[dict[str, Any]]:
        names = self.heard.programmes or self.state.named
        return [apply_view(self.counsel.policy, name, self._place(), self.state.facts) for name in names[:2]]

    def _views(self, limit: int, *, only_relevant: bool = False) -> list[dict[str, Any]]:
        relevant = self._relevant() if only_relevant else tuple(self.counsel.policy.programmes)
        views = hint_views(
            self.counsel.policy,
            self.hints,
            relevant=relevant,
            named=self.state.named,
            needs=self.state.needs,
            emergency=self._is_emergency(),
            place=self._place(),
            facts=self.state.facts,
        )
        return views[:limit]


def _critical(dangers: tuple[str, ...]) -> list[str]:
    return [danger for danger in dangers if DANGER_URGENCY[danger] == "critical"]


def _conclude(state: State, counsel: Counsel) -> State:
    """What follows from what was said, where there is no doubt."""
    facts = dict(state.facts)
    if (
        state.dangers
        and "basic_life_in_difficulty" not in facts
        and {"no_food", "no_shelter", "treatment_blocked"} & set(state.dangers)
    ):
        facts["basic_life_in_difficulty"] = True
    if "hukou" not in facts and counsel.find_unit(facts.get("hukou_place")):
        facts["hukou"] = "local"
    return replace(state, facts=facts)
