"""The policy folder: complete, cited, dated; and what is wrong with a file is said by file, line and remedy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from actions.eligibility import (
    PolicyError,
    benefit_lines,
    check_policy,
    load_hotlines,
    load_policy,
    review,
    show_programme,
)

POLICY_FOLDER = Path(__file__).parent.parent / "policy"
POLICY = load_policy(POLICY_FOLDER)
TODAY = date(2026, 11, 23)
PROGRAMMES = {
    "dibao", "tekun", "dibao_edge", "rigid_expenditure", "monitored", "other_hardship", "temporary_assistance",
    "medical_aid", "education_aid", "housing_aid", "employment_aid", "disaster_relief", "disability_subsidy",
    "child_rehabilitation", "home_accessibility", "heating_subsidy", "funeral_relief", "child_welfare", "care_service",
    "stranded_aid", "charity", "legal_aid",
}  # fmt: skip
Change = Callable[[Path], Path]


def test_all_programmes_are_there_and_the_urgent_come_first() -> None:
    assert set(POLICY.programmes) == PROGRAMMES
    urgent = [programme.urgent for programme in POLICY.programmes.values()]
    assert urgent == sorted(urgent, reverse=True)
    assert next(iter(POLICY.programmes)) == "temporary_assistance"


def test_the_folder_is_in_order() -> None:
    assert check_policy(POLICY_FOLDER) == []


@pytest.mark.parametrize("name", sorted(PROGRAMMES))
def test_a_programme_says_all_that_a_resident_needs(name: str) -> None:
    programme = POLICY.programmes[name]
    assert programme.appeal
    assert programme.data_gaps
    assert programme.otherwise or name == "charity"
    for condition in programme.all_conditions:
        assert "《" in POLICY.cite(condition.source)
    shown = show_programme(POLICY, name, TODAY, "429006")
    for condition in programme.all_conditions:
        assert condition.label in shown
        assert condition.when in shown
    assert programme.decider in shown


def test_hearsay_is_marked_in_citations() -> None:
    assert POLICY.cite("L01 第18条") == "《中华人民共和国社会救助法》第18条"
    assert "转述" in POLICY.cite("H04")
    assert "转述" not in POLICY.cite("L05 第4条")


def test_the_provincial_amounts_are_told_as_hearsay_while_they_hold() -> None:
    assert any(
        "110" in line and "转述" in line for line in benefit_lines(POLICY, "disability_subsidy", TODAY, "429006")
    )
    later = benefit_lines(POLICY, "disability_subsidy", date(2027, 1, 1), "429006")
    assert later == POLICY.programmes["disability_subsidy"].benefit


def test_local_figures_stay_unknown() -> None:
    for name in ("dibao_standard", "edge_multiplier", "disposable_income_monthly", "rigid_ratio"):
        assert POLICY.figure(name, TODAY, "429006").value is None


def test_review_names_what_expires_and_what_is_unknown() -> None:
    found = {one.parameter: one.state for one in review(POLICY, TODAY, 60)}
    assert found["disability_living_subsidy"] == "due"
    assert found["dibao_standard"] == "unknown"
    assert "disability_living_subsidy" not in {one.parameter for one in review(POLICY, TODAY, 10)}
    late = {one.parameter: one for one in review(POLICY, date(2027, 1, 2), 10)}
    assert late["disability_living_subsidy"].state == "expired"
    assert "2026-12-31" in str(late["disability_living_subsidy"])


def test_hotlines_say_whether_they_were_verified() -> None:
    hotlines = {one.number: one for one in load_hotlines(POLICY_FOLDER)}
    assert {"110", "120", "119", "12345", "12356", "12338", "12355", "12348", "12333", "12393"} <= set(hotlines)
    assert not any(one.verified for one in hotlines.values())
    assert {programme.hotline for programme in POLICY.programmes.values()} <= set(hotlines)
    told = {programme.hotline for programme in POLICY.programmes.values()}
    assert not any(hotlines[number].seen == "否" for number in told)


# ---- what is wrong is said where it stands ---------------------------------------------------------------------------


def changed(file: str, old: str, new: str) -> Change:
    """Copies the folder and changes one text, that has to be there."""

    def change(folder: Path) -> Path:
        copy = folder / "policy"
        shutil.copytree(POLICY_FOLDER, copy)
        path = copy / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return copy

    return change


def line_of(file: str, text: str) -> int:
    lines = (POLICY_FOLDER / file).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


DIBAO = "programmes/dibao.yaml"
INCOME = "when: status_dibao OR income_per_person < dibao_standard"
LOCAL = "parameters/429006.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "at", "said"),
    [
        (DIBAO, "order: 40", "ordr: 40", "order: 40", "不认识 ordr"),
        (DIBAO, "hotline: ", "hotlin: ", "hotline: ", "hotlin"),
        (DIBAO, INCOME, "when: status_dibao OR incom_per_person < dibao_standard", INCOME, "incom_per_person"),
        (DIBAO, INCOME, "when: income_per_person + 1", INCOME, "是或否"),
        (DIBAO, INCOME, "when: lower(hukou) = 'local'", INCOME, "不能用"),
        (DIBAO, INCOME, "when: household_size IN (SELECT 1)", INCOME, "IN"),
        (DIBAO, INCOME, "when: status_dibao; DROP TABLE x", INCOME, "分号"),
        (DIBAO, INCOME, "when: status_dibao -- always", INCOME, "注释"),
        (DIBAO, INCOME, "when: hukou = 'moon'", INCOME, "moon"),
        (DIBAO, INCOME, "when: income_per_person IS NULL", INCOME, "不能用"),
        (DIBAO, INCOME, "when: CASE WHEN property_ok THEN TRUE END", INCOME, "不能用"),
        (DIBAO, "source: L01 第18条; L02 第9条", "source: common knowledge", "source: L01 第18条; L02 第9条", "出处"),
        (DIBAO, "source: L01 第18条; L02 第9条", "source: L99 第1条", "source: L01 第18条; L02 第9条", "L99"),
        (DIBAO, "name: dibao\n", "name: dibo\n", "name: dibao", "文件名"),
        (DIBAO, "otherwise: [dibao_edge]", "otherwise: [dibao_egde]", "otherwise", "dibao_egde"),
        (DIBAO, "  - name: not_tekun", "  - name: income", "name: dibao", "重复"),
        (DIBAO, "department: civil_affairs", "department: police", "department: civil_affairs", "department"),
        (DIBAO, "programme: dibao_edge, rule", "programme: dibao_egde, rule", "programme: dibao_edge", "dibao_egde"),
        (DIBAO, "order: 40", "order: 40\norder: 41", "order: 40", "两次"),
        (DIBAO, "needs: [living]", "needs: [living", "needs: [living]", "YAML"),
        (DIBAO, "order: 40", "on: 40", "order: 40", "on"),
        (DIBAO, "needs: [living]", "needs: [*needs]", "needs: [living]", "YAML"),
        ("facts.yaml", "{sql: age < 18}", "{sql: minor}", "minor:", "minor"),
        ("facts.yaml", "{sql: age < 18}", "{sql: age}", "minor:", "boolean"),
        ("facts.yaml", "map: {none: true}", "map: {nothing: true}", "not_employed", "nothing"),
        ("facts.yaml", "contains: dibao}", "contains: dibo}", "status_dibao", "dibo"),
        ("facts.yaml", "after: hukou", "after: hukuo", "after: hukou", "hukuo"),
        ("facts.yaml", "{value: 12000, share: 0.15}", "{value: -1, share: 0.15}", "value: 12000", "-1"),
        ("facts.yaml", "{value: 12000, share: 0.15}", "{value: 12000, share: 0.25}", "household_income_monthly:", "share"),
        ("facts.yaml", "  choices: [local, nonlocal, none]\n", "", "hukou:", "choices"),
        (LOCAL, "value: null, source: \"L01 第18、19条", "value: 700, source: \"rumour", "L01 第18、19条", "出处"),
        (LOCAL, "value: null, source: \"L01 第18、19条", "value: -700, source: \"L01 第18、19条", "dibao_standard:", "小于"),
        (LOCAL, "value: null, source: \"L01 第18、19条", "value: true, source: \"L01 第18、19条", "dibao_standard:", "type"),
        (LOCAL, ", source: \"L01 第18、19条;天门公布值未见\"}", "}", "L01 第18、19条", "source"),
        ("programmes/disability_subsidy.yaml", "parameter: disability_living_subsidy", "parameter: nothing",
         "parameter: disability_living_subsidy", "nothing"),
        ("parameters/42.yaml", "from: 2026-07-01, value: null, source: \"L01 第21条第2款",
         "from: 2021-07-01, value: null, source: \"L01 第21条第2款", "edge_special_difficulty:", "重叠"),
        ("common.yaml", "urgent: 6", "urgent: 0", "urgent: 6", "urgent"),
        ("sources.yaml", "  seen: 原文", "  seen: 传说", 'in_force: "2026-07-01"', "seen"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_and_remedy(
    tmp_path: Path, file: str, old: str, new: str, at: str, said: str
) -> None:
    folder = changed(file, old, new)(tmp_path)
    with pytest.raises(PolicyError) as refused:
        load_policy(folder)
    problems = refused.value.problems
    assert all(one.remedy and one.line >= 1 for one in problems)
    mine = [one for one in problems if one.file == file and said in one.message + one.remedy]
    assert mine, str(refused.value)
    assert any(abs(one.line - line_of(file, at)) <= 3 for one in mine), str(refused.value)
    assert check_policy(folder) == [str(one) for one in problems]


def test_a_circle_is_named(tmp_path: Path) -> None:
    folder = changed("facts.yaml", "derive: [{sql: age >= 60}", "derive: [{sql: NOT minor}")(tmp_path)
    path = folder / "facts.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("{sql: age < 18}", "{sql: NOT elderly}"), encoding="utf-8")
    with pytest.raises(PolicyError, match="圈") as refused:
        load_policy(folder)
    assert {"elderly", "minor"} <= set(
        str(refused.value).replace("→", " ").replace("：", " ").replace("。", " ").split()
    )


def test_several_mistakes_are_named_together(tmp_path: Path) -> None:
    folder = changed(DIBAO, "order: 40", "ordr: 40")(tmp_path)
    tekun = folder / "programmes" / "tekun.yaml"
    tekun.write_text(tekun.read_text(encoding="utf-8").replace("order: 30", "ordr: 30"), encoding="utf-8")
    assert {line.split(":")[0] for line in check_policy(folder)} == {DIBAO, "programmes/tekun.yaml"}


@pytest.mark.parametrize("file", ["facts.yaml", "common.yaml", "sources.yaml", "parameters/national.yaml"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "policy"
    shutil.copytree(POLICY_FOLDER, folder)
    (folder / file).unlink()
    with pytest.raises(PolicyError) as refused:
        load_policy(folder)
    assert file.rsplit("/", maxsplit=1)[-1] in str(refused.value)


def test_an_empty_and_an_unreadable_file_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    shutil.copytree(POLICY_FOLDER, folder)
    (folder / "programmes" / "dibao.yaml").write_text("", encoding="utf-8")
    (folder / "programmes" / "tekun.yaml").write_bytes("name: 特困".encode("gb18030"))
    lines = check_policy(folder)
    assert any(line.startswith("programmes/dibao.yaml:1:") for line in lines)
    assert any(line.startswith("programmes/tekun.yaml:1:") and "UTF-8" in line for line in lines)


def test_a_figure_can_be_entered_and_counts_from_its_day(tmp_path: Path) -> None:
    entered = 'value: null, source: "L01 第18、19条;天门公布值未见"}'
    new = (
        'value: null, source: "L01 第18、19条"}\n'
        '    - {from: 2026-07-01, value: 700, source: "L01 第19条"}\n'
        '    - {from: 2027-01-01, value: 720.5, source: "L01 第19条"}'
    )
    policy = load_policy(changed(LOCAL, entered, new)(tmp_path))
    assert policy.figure("dibao_standard", date(2026, 6, 30), "429006").value is None
    assert policy.figure("dibao_standard", date(2026, 7, 1), "429006").value == 700
    assert str(policy.figure("dibao_standard", date(2027, 1, 1), "429006001").value) == "720.5"
    assert policy.figure("dibao_standard", date(2027, 1, 1), "421000").value is None
