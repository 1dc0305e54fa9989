"""Who is responsible: the table of law and practice, place by place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from actions.errors import PolicyDataError
from actions.routing import WHYS, Destination, Routes, find_unit, in_county, load_routes, next_after_return, route

POLICY = Path(__file__).parent.parent / "policy"
ROUTES = load_routes(POLICY)
YUEKOU, JINGLING, DUOBAO, COUNTY = "429006107", "429006001", "429006100", "429006"

PROGRAMMES = (
    "dibao", "tekun", "dibao_edge", "rigid_expenditure", "monitored", "other_hardship", "temporary_assistance", "medical_aid",
    "education_aid", "housing_aid", "employment_aid", "disaster_relief", "disability_subsidy", "child_rehabilitation",
    "home_accessibility", "heating_subsidy", "funeral_relief", "child_welfare", "care_service", "stranded_aid", "charity", "legal_aid",
)  # fmt: skip
NEEDS = (
    "living", "medical", "education", "housing", "employment", "disaster", "emergency", "care", "disability", "heating", "funeral",
    "stranded", "psychological", "legal",
)  # fmt: skip
DANGERS = (
    "self_harm", "violence", "medical_emergency", "disaster_now", "missing_person", "unattended", "no_food", "no_shelter",
    "treatment_blocked",
)  # fmt: skip


def go(routes: Routes = ROUTES, **given: Any) -> Destination:
    case: dict[str, Any] = {
        "kind": "help",
        "needs": [],
        "dangers": [],
        "programmes": [],
        "urgency": "routine",
        "event_unit": None,
        "residence_unit": YUEKOU,
        "hukou": None,
        "hukou_unit": None,
        "facts": {},
    }
    return route(routes, **(case | given))


@pytest.mark.parametrize(
    ("given_case", "department", "unit"),
    [
        # what fails today goes where it happens, whatever the registration
        ({"dangers": ["no_food"], "event_unit": JINGLING, "hukou_unit": DUOBAO}, "civil_affairs", JINGLING),
        ({"dangers": ["no_shelter"], "hukou": "nonlocal"}, "civil_affairs", YUEKOU),
        ({"dangers": ["treatment_blocked"], "needs": ["medical"], "hukou_unit": DUOBAO}, "civil_affairs", YUEKOU),
        ({"dangers": ["medical_emergency"], "event_unit": JINGLING}, "civil_affairs", JINGLING),
        ({"needs": ["emergency"], "event_unit": JINGLING, "hukou_unit": DUOBAO}, "civil_affairs", JINGLING),
        ({"needs": ["stranded"], "hukou": "nonlocal"}, "civil_affairs", YUEKOU),
        ({"needs": ["stranded"], "residence_unit": None}, "civil_affairs", COUNTY),
        # danger to life
        ({"dangers": ["violence", "self_harm"]}, "public_security", COUNTY),
        ({"dangers": ["self_harm"], "needs": ["psychological", "medical"]}, "health", COUNTY),
        ({"dangers": ["missing_person"]}, "public_security", COUNTY),
        ({"dangers": ["unattended"], "facts": {"age": 5}}, "civil_affairs", COUNTY),
        ({"dangers": ["unattended"], "facts": {"age": 86}}, "civil_affairs", YUEKOU),
        # fire and flood
        ({"dangers": ["disaster_now"], "facts": {"sudden_event": "fire"}}, "civil_affairs", YUEKOU),
        ({"dangers": ["disaster_now"], "facts": {"natural_disaster": True}}, "emergency_management", COUNTY),
        ({"needs": ["disaster"], "dangers": ["no_shelter"]}, "civil_affairs", YUEKOU),
        (
            {"needs": ["disaster"], "dangers": ["no_shelter"], "facts": {"natural_disaster": True}},
            "emergency_management",
            COUNTY,
        ),
        ({"needs": ["disaster"], "programmes": ["disaster_relief"]}, "emergency_management", COUNTY),
        ({"needs": ["disaster"], "facts": {"sudden_event": "fire"}}, "civil_affairs", YUEKOU),
        ({"needs": ["disaster"]}, "civil_affairs", YUEKOU),
        # basic living goes to the registration
        ({"needs": ["living"], "hukou_unit": DUOBAO}, "civil_affairs", DUOBAO),
        ({"needs": ["living"], "hukou": "nonlocal"}, "civil_affairs", YUEKOU),
        ({"needs": ["living", "medical"], "programmes": ["dibao", "medical_aid"]}, "civil_affairs", YUEKOU),
        ({"kind": "change", "hukou_unit": DUOBAO}, "civil_affairs", DUOBAO),
        # special programmes
        ({"needs": ["medical"], "facts": {"current_status": ["dibao"]}}, "medical_insurance", COUNTY),
        ({"needs": ["medical"], "facts": {"current_status": []}}, "civil_affairs", YUEKOU),
        ({"needs": ["disability"], "programmes": ["disability_subsidy"]}, "civil_affairs", YUEKOU),
        ({"needs": ["disability"]}, "disabled_persons_federation", COUNTY),
        (
            {"needs": ["disability", "medical"], "programmes": ["child_rehabilitation"], "facts": {"age": 4}},
            "disabled_persons_federation",
            COUNTY,
        ),
        (
            {"needs": ["disability"], "programmes": ["disability_subsidy"], "facts": {"disability_certificate": False}},
            "disabled_persons_federation",
            COUNTY,
        ),
        ({"needs": ["education"]}, "education", COUNTY),
        ({"needs": ["housing"]}, "housing", COUNTY),
        ({"needs": ["employment"]}, "human_resources", COUNTY),
        ({"needs": ["legal", "living"], "legal_matter": "wages"}, "human_resources", COUNTY),
        ({"needs": ["legal"], "facts": {"legal_matter": "wages"}}, "human_resources", COUNTY),
        ({"needs": ["legal"], "legal_matter": "wages", "dangers": ["no_food"]}, "civil_affairs", YUEKOU),
        ({"needs": ["legal"]}, "justice", COUNTY),
        ({"needs": ["heating"]}, "civil_affairs", YUEKOU),
        ({"needs": ["heating", "disability"], "kind": "report"}, "civil_affairs", YUEKOU),
        ({"needs": ["care"], "hukou_unit": DUOBAO}, "civil_affairs", YUEKOU),
        ({"programmes": ["monitored"]}, "agriculture_rural", COUNTY),
        ({"programmes": ["charity"]}, "charity", COUNTY),
        # complaints go to the superior, unless somebody is in danger
        ({"kind": "complaint", "needs": ["living"]}, "civil_affairs", COUNTY),
        ({"kind": "complaint", "dangers": ["no_food"]}, "civil_affairs", YUEKOU),
        ({}, "civil_affairs", YUEKOU),
    ],
)
def test_department_and_unit(given_case: dict[str, Any], department: str, unit: str) -> None:
    found = go(**given_case)
    assert (found.department, found.unit_code) == (department, unit)


def test_the_reason_is_told() -> None:
    assert go(dangers=["no_food"]).why == "event_place"
    assert go(needs=["living"], hukou_unit=DUOBAO).why == "registration"
    assert go(needs=["living"], hukou="local").why == "residence"
    assert go(needs=["living"], hukou="nonlocal").why == "passes_on"
    assert go(needs=["education"]).why == "county_desk"
    assert go(needs=["living"], residence_unit=None).why == "place_unknown"


def test_others_concerned_are_named() -> None:
    assert "medical_insurance" in go(dangers=["treatment_blocked"]).also
    assert "civil_affairs" in go(dangers=["violence"]).also
    assert "human_resources" in go(needs=["living", "employment"]).also


def test_the_hotline_of_a_danger() -> None:
    assert go(dangers=["violence"]).hotline == "110"
    assert go(dangers=["self_harm"]).hotline == "12356"
    assert go(dangers=["medical_emergency"]).hotline == "120"


def test_a_code_that_is_no_township_of_ours_is_unknown() -> None:
    assert go(dangers=["no_food"], event_unit="430402001", residence_unit=COUNTY).unit_code == COUNTY


units = st.sampled_from([None, YUEKOU, JINGLING, DUOBAO, COUNTY, "110101001"])


@given(
    kind=st.sampled_from(["help", "report", "complaint", "change", "danger", "warning"]),
    needs=st.sets(st.sampled_from(NEEDS)),
    dangers=st.sets(st.sampled_from(DANGERS)),
    programmes=st.sets(st.sampled_from(PROGRAMMES)),
    event=units,
    residence=units,
    registered=units,
    hukou=st.sampled_from([None, "local", "nonlocal", "none"]),
)
def test_every_case_has_an_office(
    kind: str,
    needs: set[str],
    dangers: set[str],
    programmes: set[str],
    event: str | None,
    residence: str | None,
    registered: str | None,
    hukou: str | None,
) -> None:
    found = go(
        kind=kind,
        needs=needs,
        dangers=dangers,
        programmes=programmes,
        event_unit=event,
        residence_unit=residence,
        hukou=hukou,
        hukou_unit=registered,
    )
    assert found.department in ROUTES.departments
    assert (found.level == "township") == ROUTES.is_township(found.unit_code)
    assert found.level == "township" or found.unit_code == COUNTY
    assert found.unit_name == ROUTES.unit_name(found.unit_code)
    assert found.why in WHYS
    assert found.department not in found.also


@given(event=units, residence=units, registered=units, hukou=st.sampled_from([None, "local", "nonlocal", "none"]))
def test_emergency_help_never_depends_on_registration(
    event: str | None, residence: str | None, registered: str | None, hukou: str | None
) -> None:
    places = {"event_unit": event, "residence_unit": residence}
    for case in ({"dangers": ["no_food"]}, {"needs": ["stranded"]}, {"needs": ["emergency"]}):
        assert go(**case, **places, hukou=hukou, hukou_unit=registered) == go(**case, **places)


# --- when it is given back ------------------------------------------------------------------------------------------------


def test_a_routine_one_goes_to_the_other_department_first() -> None:
    first = go(needs=["medical"])
    second = next_after_return(ROUTES, first, urgency="routine", returns=1)
    assert (second.department, second.unit_code) == ("medical_insurance", COUNTY)


def test_an_urgent_one_goes_to_the_superior_first() -> None:
    first = go(dangers=["treatment_blocked"])
    second = next_after_return(ROUTES, first, urgency="urgent", returns=1)
    assert (second.department, second.level) == ("civil_affairs", "county")


def test_after_the_second_return_civil_affairs_of_the_county_has_it() -> None:
    third = next_after_return(ROUTES, go(needs=["education"]), urgency="routine", returns=2)
    assert (third.department, third.unit_code) == ("civil_affairs", COUNTY)


def test_nobody_gets_it_again_at_the_first_return() -> None:
    first = go(needs=["medical"])
    second = next_after_return(
        ROUTES, first, urgency="routine", returns=1, tried={("medical_insurance", COUNTY), ("civil_affairs", YUEKOU)}
    )
    assert (second.department, second.unit_code) == ("civil_affairs", COUNTY)


def test_when_everybody_gave_it_back_it_stays_with_civil_affairs() -> None:
    at_county = go(residence_unit=None)
    assert next_after_return(ROUTES, at_county, urgency="routine", returns=3).unit_code == COUNTY


@given(
    given_case=st.sampled_from(
        [{"needs": ["medical"]}, {"dangers": ["violence"]}, {"needs": ["living", "education"]}, {}]
    ),
    urgency=st.sampled_from(["routine", "urgent", "critical"]),
)
def test_nobody_gets_back_what_they_gave_back_while_somebody_else_is_left(given_case: Any, urgency: str) -> None:
    now, tried = go(**given_case, urgency=urgency), []
    left = {now.department, "civil_affairs", *now.also}
    for returns in range(1, 9):
        tried.append((now.department, now.unit_code))
        following = next_after_return(
            ROUTES,
            replace(now, also=tuple(left - {now.department})),
            urgency=urgency,
            returns=returns,
            tried=set(tried),
        )
        if (following.department, following.unit_code) in tried:
            assert (following.department, following.unit_code) == ("civil_affairs", COUNTY)
            assert left <= {department for department, _ in tried}
            return
        now = following
    pytest.fail("it goes round without end")


# --- places ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("天门岳口镇", "岳口镇"),
        ("岳口", "岳口镇"),
        ("侯口", "侯口街道"),
        ("候口街道", "侯口街道"),
        ("竟陵街道西湖社区", "竟陵街道"),
        ("竟陵镇", "竟陵街道"),
        ("湖北省天门市岳口镇健康村", "岳口镇"),
        ("我在岳口镇上", "岳口镇"),
        ("老家天门的岳口", "岳口镇"),
        ("黄潭镇杨林村", "黄潭镇"),
        ("蒋湖", "蒋湖农场"),
        ("九真", "九真镇"),
        ("429006107", "岳口镇"),
        (" 岳口 镇 ", "岳口镇"),
    ],
)
def test_places_of_ours(place: str, name: str) -> None:
    found = find_unit(ROUTES, place)
    assert found is not None
    assert found.name == name
    assert in_county(ROUTES, place)


@pytest.mark.parametrize(
    "place",
    [
        "湖南衡阳",
        "仙桃彭市",
        "仙桃市彭市镇",
        "常州横林镇",
        "九真山",
        "杨林桥镇",
        "沉湖镇",
        "武汉",
        "岳口大道",
        "",
        None,
        "天门山",
    ],
)
def test_places_that_are_not_ours_or_not_known(place: str | None) -> None:
    assert find_unit(ROUTES, place) is None
    assert not in_county(ROUTES, place)


@pytest.mark.parametrize("place", ["天门", "湖北天门市", "我在天门"])
def test_the_county_alone_is_ours_without_a_township(place: str) -> None:
    assert find_unit(ROUTES, place) is None
    assert in_county(ROUTES, place)


@given(st.text(alphabet="我家在天门市湖北省岳口镇里的abc ,", max_size=300))
def test_any_text_is_read_quickly_and_without_error(text: str) -> None:
    find_unit(ROUTES, text)
    in_county(ROUTES, text)


def test_each_unit_is_found_by_its_name_and_its_short_name() -> None:
    for name, unit in ROUTES.written:
        assert find_unit(ROUTES, name) == unit
        assert find_unit(ROUTES, f"天门市{name}") == unit


# --- the file -------------------------------------------------------------------------------------------------------------


def test_there_are_28_units() -> None:
    assert len(ROUTES.units) == 28


def test_every_programme_and_need_and_danger_has_a_rule() -> None:
    assert {name for rule in ROUTES.rules for name in rule.when.programmes} == set(PROGRAMMES)
    assert {name for rule in ROUTES.rules for name in rule.when.needs} == set(NEEDS)
    assert {name for rule in ROUTES.rules for name in rule.when.dangers} == set(DANGERS)


def test_programmes_are_those_of_the_policy() -> None:
    assert {path.stem for path in (POLICY / "programmes").glob("*.yaml")} <= set(PROGRAMMES)


def write(folder: Path, change: dict[str, Any]) -> Path:
    data = yaml.safe_load((POLICY / "routes.yaml").read_text(encoding="utf-8"))
    (folder / "routes.yaml").write_text(yaml.safe_dump(data | change, allow_unicode=True), encoding="utf-8")
    return folder


LAST = {"id": "last", "when": {}, "department": "civil_affairs", "place": "county"}


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([LAST, LAST], "same id"),
        ([], "last rule"),
        ([LAST | {"when": {"needs": ["living"]}}], "last rule"),
        ([LAST | {"department": "fire_brigade"}], "fire_brigade"),
        ([LAST | {"place": "moon"}], "moon"),
        ([LAST | {"when": {"nedes": ["living"]}}], "nedes"),
    ],
)
def test_a_wrong_file_is_named_with_its_fault(tmp_path: Path, rules: list[Any], says: str) -> None:
    with pytest.raises(PolicyDataError, match=says) as caught:
        load_routes(write(tmp_path, {"rules": rules}))
    assert "routes.yaml" in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(PolicyDataError, match=r"routes\.yaml"):
        load_routes(tmp_path)
