"""The app as a Flask application: everything mounted in one place."""

from __future__ import annotations

from flask import Flask, Response, jsonify, render_template
from werkzeug.exceptions import HTTPException

from smart_app import callback, launch, view
from smart_app.errors import AppError
from smart_app.formats import FILTERS
from smart_app.responses import crash, error_page, finish, http_error, start_clock
from smart_app.services import Services, current, install
from smart_app.settings import Settings

_KEYS_SECONDS = 3600


def create_app(settings: Settings) -> Flask:
    """Return the WSGI application of `settings`. Raises Misconfigured."""
    app = Flask(__name__)
    # The largest request is a form with one handle.
    app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 300
    install(app, Services.build(settings))
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for part in (launch, callback, view):
        app.register_blueprint(part.blueprint)
    app.add_url_rule("/", "home", _home)
    app.add_url_rule("/healthz", "healthz", _healthz)
    app.add_url_rule("/.well-known/jwks.json", "jwks", _jwks)
    app.before_request(start_clock)
    app.after_request(finish)
    app.register_error_handler(AppError, error_page)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, crash)
    return app


def _home() -> str:
    return render_template("home.html", settings=current().settings)


def _healthz() -> Response:
    return jsonify(status="ok")


def _jwks() -> Response:
    answer = jsonify(current().keys.jwks())
    answer.headers["Cache-Control"] = f"public, max-age={_KEYS_SECONDS}"
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer
