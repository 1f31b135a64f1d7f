"""What `smart_style_url` leads to."""

from __future__ import annotations

from flask.testing import FlaskClient

from gateway.oauth import style


def test_the_style_is_json_for_every_origin_and_may_be_kept_for_good(http: FlaskClient) -> None:
    url = style.url("http://localhost:8000")
    assert url.startswith("http://localhost:8000/auth/style-")
    answer = http.get(url, headers={"Origin": "https://any.example"})
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.json is not None
    # The keys of SMART 2.2, "Styling".
    assert answer.json.keys() == {
        "color_background",
        "color_error",
        "color_highlight",
        "color_modal_backdrop",
        "color_success",
        "color_text",
        "dim_border_radius",
        "dim_font_size",
        "dim_spacing_size",
        "font_family_body",
        "font_family_heading",
    }
    assert http.get("/auth/style-0123456789abcdef.json").status_code == 404
