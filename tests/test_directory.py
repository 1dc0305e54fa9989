"""The sample directory, and finding an office in it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from actions.directory import load_sample_directory, office_for, units
from actions.routing import load_routes
from store.models import Office
from store.session import Store

POLICY = Path(__file__).parent.parent / "policy"
ROUTES = load_routes(POLICY)


def test_every_township_has_its_window_and_every_department_its_desk(store: Store) -> None:
    with store.session() as session:
        for unit in units(ROUTES):
            window = office_for(session, "civil_affairs", unit.code)
            assert window is not None
            assert window.level == "township"
            assert unit.name in window.name
            assert "社会救助窗口" in window.name
        for department in ROUTES.departments:
            desk = office_for(session, department, ROUTES.county.code)
            assert desk is not None
            assert desk.level == "county"


def test_every_row_says_that_it_is_made_up(store: Store) -> None:
    with store.session() as session:
        for office in session.scalars(select(Office)):
            assert office.sample
            for text in (office.name, office.phone, office.address, office.hours):
                assert text is not None
                assert "示例" in text
            assert office.phone is not None
            assert office.phone.startswith("0728-000")


def test_loading_again_adds_nothing_and_leaves_real_offices_alone(store: Store) -> None:
    with store.begin() as session:
        window = office_for(session, "civil_affairs", "429006107")
        assert window is not None
        window.name, window.sample = "岳口镇便民服务中心", False
        assert load_sample_directory(session, POLICY) == 0
    with store.session() as session:
        kept = office_for(session, "civil_affairs", "429006107")
        assert kept is not None
        assert (kept.name, kept.sample) == ("岳口镇便民服务中心", False)


def test_no_office_is_none(store: Store) -> None:
    with store.session() as session:
        assert office_for(session, "education", "429006107") is None


def test_units_are_the_28_in_order() -> None:
    codes = [unit.code for unit in units(ROUTES)]
    assert len(codes) == 28
    assert codes == sorted(codes)
