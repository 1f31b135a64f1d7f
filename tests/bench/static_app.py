"""Yardstick (a): bytes of earlier answers, from Flask alone under the gateway's own gunicorn settings."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, Response, request


def application() -> Flask:
    """Return an application that serves each file of BENCH_ANSWERS at its name, for GET and POST."""
    app = Flask("static-answers", static_folder=None)
    answers = {file.name: file.read_bytes() for file in Path(os.environ["BENCH_ANSWERS"]).iterdir()}

    @app.route("/answers/<name>", methods=["GET", "POST"])
    def answer(name: str) -> Response:
        if request.method == "POST":
            request.get_data()
        return Response(answers[name], mimetype="application/fhir+json")

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    return app
