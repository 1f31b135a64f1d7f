"""Yardstick for CDS Hooks: verify such a JWT, store its `jti`, nothing else; under the gateway's gunicorn."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import jwt
import psycopg
from flask import Flask, request

_SPEND = (
    "INSERT INTO pdmp.client_assertion (client_id, jti_hash, expires_at)"
    " VALUES ('yardstick', %s, to_timestamp(%s)) ON CONFLICT DO NOTHING RETURNING client_id"
)


def application() -> Flask:
    """Return an application with one endpoint for POST, keyed by BENCH_JWKS."""
    app = Flask("verify-only", static_folder=None)
    keys = {
        one["kid"]: jwt.PyJWK(one, algorithm="ES384").key
        for one in json.loads(os.environ["BENCH_JWKS"])["keys"]
    }
    connections: list[psycopg.Connection[Any]] = []

    @app.post("/verify")
    def verify() -> tuple[dict[str, Any], int]:
        request.get_data()
        token = request.headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(
            token,
            keys[jwt.get_unverified_header(token)["kid"]],
            algorithms=["ES384"],
            audience=os.environ["BENCH_AUDIENCE"],
            options={"require": ["exp", "iat", "jti", "iss"]},
        )
        if not connections:
            connections.append(psycopg.connect(os.environ["BENCH_DATABASE_URL"], autocommit=True))
        jti = hashlib.sha256(claims["jti"].encode()).digest()
        spent = connections[0].execute(_SPEND, (jti, claims["exp"])).fetchone()
        return ({"cards": []}, 200) if spent else ({}, 401)

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    return app
