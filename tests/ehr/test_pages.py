"""The EHR's screens over HTTP: who gets in, what a click does, what a page forbids the browser."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from tests.support.ehr_double import BASE, FHIR, Hospital, SmartClient, get, person, post


def test_a_practitioner_is_picked_and_then_sees_the_patients_in_order(hospital: Hospital) -> None:
    browser = hospital.browser(None)
    assert "Harlan Creech" in get(browser, "/").text
    assert "Fenwick" not in get(browser, "/").text
    post(browser, "/sign-in", {"practitioner": "creech"})
    page = get(browser, "/").text
    assert page.index("Álvarez, Wendell") < page.index("Fenwick, Loretta")
    assert "04/11/1968" in page
    assert "MRN-4711" in page


def test_nobody_is_signed_in_as_a_practitioner_who_is_not_in_the_file(hospital: Hospital) -> None:
    assert post(hospital.browser(None), "/sign-in", {"practitioner": "ghost"}).status_code == 400


def test_the_session_cookie_is_unreadable_for_scripts_and_kept_from_other_sites(hospital: Hospital) -> None:
    answer = post(hospital.browser(None), "/sign-in", {"practitioner": "creech"})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "creech" not in cookie


def test_without_a_session_a_chart_leads_to_the_sign_in(hospital: Hospital) -> None:
    for path in ("/chart/p1", "/chart/p1/pdmp", "/chart/nobody"):
        answer = get(hospital.browser(None), path)
        assert (answer.status_code, answer.location) == (303, "/")
    assert post(hospital.browser(None), "/chart/p1/pdmp", {}).location == "/"


def test_signing_out_ends_the_session_for_a_copied_cookie_too(hospital: Hospital) -> None:
    browser = hospital.browser()
    cookie = browser.get_cookie("ehr_session", domain="ehr.localhost")
    assert cookie
    post(browser, "/sign-out", {})
    thief = hospital.browser(None)
    thief.set_cookie("ehr_session", cookie.value, domain="ehr.localhost")
    assert get(thief, "/chart/p1").status_code == 303


def test_the_chart_names_the_patient_by_name_birth_date_sex_and_mrn(hospital: Hospital) -> None:
    page = get(hospital.browser(), "/chart/p1").text
    for fact in ("Fenwick, Loretta", "04/11/1968", "(58 y)", "Female", "MRN-4711"):
        assert fact in page
    assert "Álvarez" not in page
    assert get(hospital.browser(), "/chart/nobody").status_code == 404


def test_drawing_a_chart_mints_no_launch_and_a_click_mints_one(hospital: Hospital) -> None:
    browser = hospital.browser()
    for path in ("/chart/p1", "/chart/p1/visit", "/chart/p1/orders", "/chart/p1/pdmp"):
        assert "<iframe" not in get(browser, path).text
    clicked = post(browser, "/chart/p1/pdmp", {})
    assert (clicked.status_code, clicked.location) == (303, "/chart/p1/pdmp")
    assert "<iframe" in get(browser, clicked.location).text
    assert "<iframe" not in get(browser, clicked.location).text, "a reload does not launch again"


def test_the_frame_opens_the_app_with_issuer_and_launch_and_no_word_about_the_patient(
    hospital: Hospital,
) -> None:
    url = urlsplit(hospital.frame_url())
    assert f"{url.scheme}://{url.netloc}{url.path}" == "http://pdmp.localhost:8001/launch"
    query = dict(parse_qsl(url.query))
    assert query.keys() == {"iss", "launch"}
    assert query["iss"] == FHIR
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", query["launch"])


def test_the_frame_is_sandboxed_and_may_not_navigate_the_chart_away(hospital: Hospital) -> None:
    browser = hospital.browser()
    page = get(browser, post(browser, "/chart/p1/pdmp", {}).location).text
    sandbox = re.search(r'sandbox="([^"]*)"', page)
    assert sandbox
    assert {"allow-scripts", "allow-forms", "allow-same-origin"} <= set(sandbox[1].split())
    assert "top-navigation" not in sandbox[1]


def test_each_click_is_for_its_own_patient_and_user(hospital: Hospital, smart: SmartClient) -> None:
    first = hospital.launch("creech", "p1")
    second = hospital.launch("tackett", "p2")
    assert smart.signed_in(second)["patient"] == "p2"
    assert smart.signed_in(first)["patient"] == "p1"


def test_a_form_from_another_site_is_refused(hospital: Hospital) -> None:
    browser = hospital.browser()
    for path in ("/chart/p1/pdmp", "/sign-in", "/sign-out"):
        answer = post(browser, path, {}, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403, path
        assert post(browser, path, {}, headers={"Origin": "null"}).status_code == 403, path
    assert post(browser, "/chart/p1/pdmp", {}, headers={"Origin": BASE}).status_code == 303


def test_pages_allow_no_inline_code_no_framing_and_only_the_apps_frame(hospital: Hospital) -> None:
    browser = hospital.browser()
    pages = ["/", "/chart/p1", post(browser, "/chart/p1/pdmp", {}).location]
    for path in pages:
        answer = get(browser, path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "frame-src 'self' http://pdmp.localhost:8001;" in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "style=" not in answer.text
        assert not re.search(r"<script(?![^>]*src=)", answer.text)


def test_names_from_the_file_are_escaped(hospital: Hospital) -> None:
    hospital.write(patients=[person("Patient", "p1", "<script>alert(1)</script>", "O'Brien")])
    browser = hospital.browser()
    for path in ("/", "/chart/p1"):
        assert "<script>alert" not in get(browser, path).text


def test_five_hundred_patients_are_on_the_page_for_the_search(hospital: Hospital) -> None:
    many = [person("Patient", f"p{n}", "Ada", f"Noble{n}", birthDate="1950-05-05") for n in range(500)]
    hospital.write(patients=many)
    page = get(hospital.browser(), "/").text
    assert page.count("<tr data-search=") == 500
    assert "500 patients" in page


def test_a_launch_url_that_no_client_owns_is_told_in_words(hospital: Hospital) -> None:
    hospital.write(app_launch_url="http://elsewhere.localhost:1/launch")
    answer = post(hospital.browser(), "/chart/p1/pdmp", {})
    assert answer.status_code == 500
    assert "app_launch_url" in answer.text
