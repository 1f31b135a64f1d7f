"""The life of codes, refresh tokens and launches in any order: issued, used, replayed, raced, ended.

A machine asks the running server and the model of `life.py` the same. Whatever happened before: one code
gives tokens once, no token has more scope than its user granted, and what has ended opens nothing.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any

import requests
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.oauth.backend import Backend
from tests.oauth.test_launched_flow import sign_out
from tests.security.forging import parts
from tests.security.house import House
from tests.security.life import Grant, Handle, Member, Party, Token
from tests.support.smart_program import PATIENT

_TYPES = ("patient/Patient.rs", "patient/MedicationDispense.rs")
_LASTING = ("offline_access", "offline_access", "online_access", "online_access", "")
_EXPIRE = {
    "code": "UPDATE authorization_code SET expires_at = now() WHERE code_hash = sha256(%(code)s::bytea)",
    "refresh tokens": "UPDATE refresh_token r SET expires_at = now() FROM authorization_code a"
    " WHERE a.consent_id = r.consent_id AND a.code_hash = sha256(%(code)s::bytea)",
    "consent": "UPDATE consent k SET expires_at = now() FROM authorization_code a"
    " WHERE a.consent_id = k.consent_id AND a.code_hash = sha256(%(code)s::bytea)",
}
Send = Callable[[], requests.Response]


class World:
    """What the machines share, because it takes time to make: users with their browsers, and an EHR."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.members = [Member(house.account()) for _ in range(2)]
        self.browsers = [house.browser() for _ in self.members]
        self.ehr: Backend = house.ehr()
        self.all_seeing = house.backend(scope="__introspect")
        self.pool = concurrent.futures.ThreadPoolExecutor(2)


class Life(RuleBasedStateMachine):
    """One life of some grants."""

    grants = Bundle("grants")
    launches = Bundle("launches")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.house = world, world.house
        self.touched: Grant | None = None
        self.all: list[Grant] = []
        self.parties: list[Party] = []

    @initialize()
    def begin(self) -> None:
        self.parties = [Party(self.house.app()), Party(self.house.app("client_secret_basic"))]
        form = self.world.all_seeing.form(scope="__introspect")
        answer = requests.post(f"{self.house.base}/auth/token", data=form, timeout=30)
        self.seer = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    # What users and EHRs do.

    @rule(
        target=grants,
        app=st.integers(0, 1),
        user=st.integers(0, 1),
        lasting=st.sampled_from(_LASTING),
        ticked=st.sets(st.sampled_from(_TYPES), min_size=1),
        keeps=st.sampled_from([True, True, True, False]),
        redeems=st.booleans(),
    )
    def grant(self, app: int, user: int, lasting: str, ticked: set[str], keeps: bool, redeems: bool) -> Grant:
        party, member = self.parties[app], self.world.members[user]
        asked = f"launch/patient openid {lasting} {' '.join(_TYPES)}"
        ticks = [*sorted(ticked), *([lasting] if keeps and lasting else [])]
        answer = self.world.browsers[user].authorize(
            party.app, asked, user=member.user, patient=PATIENT, grant=ticks
        )
        made = self._granted(party, member, answer["code"], {"launch/patient", *ticks})
        if redeems:
            self.redeem_rightly(made)
        return made

    def _granted(self, party: Party, member: Member, code: str, granted: set[str]) -> Grant:
        made = Grant(party, member, code, party.app.verifier, frozenset(granted), member.sessions)
        self.all.append(made)
        self.touched = made
        return made

    @rule(target=launches, app=st.integers(0, 1), user=st.integers(0, 1))
    def open_launch(self, app: int, user: int) -> Any:
        party, member = self.parties[app], self.world.members[user]
        named = {"username": member.user["username"]}
        return Handle(self.house.launch(self.world.ehr, party.app, user=named), party, member)

    @rule(target=grants, handle=launches, app=st.integers(0, 1), user=st.integers(0, 1))
    def use_launch(self, handle: Handle, app: int, user: int) -> Any:
        """Use it as whoever; only the right user of the right app gets a code, and once."""
        party, member = self.parties[app], self.world.members[user]
        browser = self.world.browsers[user]
        scope = "launch offline_access patient/Patient.rs"
        answer = browser.start(party.app, scope, launch=handle.text)
        if answer.status_code == 200 and 'name="password"' in answer.text:
            answer = browser.sign_in(member.user)
        if handle.over or party is not handle.party:
            assert party.app.received(answer.headers["Location"])["error"] == "invalid_request"
            return multiple()
        if member is not handle.member:
            assert (answer.status_code, answer.is_redirect) == (403, False)
            return multiple()
        answer = browser.submit(browser.form("decision"), decision="allow")
        handle.over = True
        code = party.app.received(answer.headers["Location"])["code"]
        return self._granted(party, member, code, set(scope.split()))

    @rule(handle=launches)
    def let_a_launch_expire(self, handle: Handle) -> None:
        handle.over = True
        self.house.as_owner(
            "UPDATE launch SET expires_at = now() WHERE launch_hash = sha256(%(text)s::bytea)",
            text=handle.text.encode(),
        )

    @rule(of=grants, goes_on=st.booleans())
    def sign_out(self, of: Grant, goes_on: bool) -> None:
        """The user of a grant signs out; its app may try to go on."""
        member = of.member
        browser = self.world.browsers[self.world.members.index(member)]
        page = browser.start(self.parties[0].app, "openid")
        if 'name="password"' not in page.text:
            browser.submit(sign_out(browser))
            member.sessions += 1
        self.touched = of
        if goes_on and of.refresh:
            self._refresh(of, of.refresh[-1])

    # What apps do, and those who say to be apps.

    @rule(of=grants, app=st.integers(0, 1), proof=st.booleans())
    def redeem(self, of: Grant, app: int, proof: bool) -> None:
        self._answered(
            of, self._redemption(of, app, proof)(), of.redeemed(*self._by(of, app, proof)), code=True
        )

    @rule(of=grants)
    def redeem_rightly(self, of: Grant) -> None:
        self.redeem(of, self.parties.index(of.party), True)

    @rule(of=grants)
    def race_with_a_code(self, of: Grant) -> None:
        app = self.parties.index(of.party)
        expected = [of.redeemed(*self._by(of, app, True)) for _ in range(2)]
        self._raced(of, self._redemption(of, app, True), expected, code=True)

    @precondition(lambda self: any(one.refresh for one in self.all))
    @rule(
        data=st.data(),
        stranger=st.sampled_from([False, False, True]),
        scopes=st.none() | st.sets(st.sampled_from([*_TYPES, "openid", "patient/*.rs"]), min_size=1),
    )
    def refresh(self, data: Any, stranger: bool, scopes: set[str] | None) -> None:
        of, token = self._drawn(data)
        app = self.parties.index(of.party) ^ stranger
        asked = None if scopes is None else frozenset(scopes)
        send = self._refreshing(token, app, asked)
        self._answered(of, send(), of.refreshed(token, self.parties[app], asked))

    @precondition(lambda self: any(one.refresh for one in self.all))
    @rule(data=st.data())
    def refresh_rightly(self, data: Any) -> None:
        self._refresh(*self._drawn(data))

    @precondition(lambda self: any(one.refresh for one in self.all))
    @rule(data=st.data(), more=st.sampled_from(["patient/*.rs", "patient/MedicationRequest.rs", "user/*.rs"]))
    def ask_for_more(self, data: Any, more: str) -> None:
        of, token = self._drawn(data)
        asked = token.scopes | {more}
        send = self._refreshing(token, self.parties.index(of.party), asked)
        self._answered(of, send(), of.refreshed(token, of.party, asked))

    def _refresh(self, of: Grant, token: Token) -> None:
        send = self._refreshing(token, self.parties.index(of.party), None)
        self._answered(of, send(), of.refreshed(token, of.party, None))

    @precondition(lambda self: any(one.refresh for one in self.all))
    @rule(data=st.data())
    def race_with_a_refresh_token(self, data: Any) -> None:
        of, token = self._drawn(data)
        expected = [of.refreshed(token, of.party, None) for _ in range(2)]
        self._raced(of, self._refreshing(token, self.parties.index(of.party), None), expected)

    @precondition(lambda self: any(one.access for one in self.all))
    @rule(data=st.data(), app=st.integers(0, 1), refresh=st.booleans())
    def give_back(self, data: Any, app: int, refresh: bool) -> None:
        of = data.draw(st.sampled_from([one for one in self.all if one.access]))
        tokens = of.refresh if refresh and of.refresh else of.access
        token, party = data.draw(st.sampled_from(tokens)), self.parties[app]
        answer = self._client(party, "/auth/revoke", token=token.text)
        assert answer.status_code == 200
        self.touched = of
        if party is of.party:
            if tokens is of.refresh:
                of.ended = True
            else:
                token.over = True

    # What time and operators do.

    @rule(of=grants, what=st.sampled_from(sorted(_EXPIRE)))
    def expire(self, of: Grant, what: str) -> None:
        self.touched = of
        self.house.as_owner(_EXPIRE[what], code=of.code.encode())
        if what == "code":
            of.code_over = True
        elif what == "consent":
            of.ended = True
        else:
            for token in of.refresh:
                token.over = True

    @rule(
        of=grants,
        what=st.sampled_from(["account", "app", "both"]),
        act=st.sampled_from(["redeem", "refresh", "look"]),
    )
    def shut_out_for_a_while(self, of: Grant, what: str, act: str) -> None:
        """Whatever is asked meanwhile is refused; what was not spent by asking stands again afterwards."""
        switched: list[Party | Member] = []
        if what != "app":
            switched.append(of.member)
        if what != "account":
            switched.append(of.party)
        for one in switched:
            self._switch(one, active=False)
        try:
            if act == "redeem":
                self.redeem_rightly(of)
            elif act == "refresh" and of.refresh:
                self._refresh(of, of.refresh[-1])
            self._compare(of)
        finally:
            for one in switched:
                self._switch(one, active=True)
        self.touched = of

    def _switch(self, one: Party | Member, *, active: bool) -> None:
        one.active = active
        at = None if active else "2026-01-01"
        if isinstance(one, Member):
            statement = "UPDATE account SET disabled_at = %(at)s WHERE username = %(name)s"
            self.house.as_owner(statement, at=at, name=one.user["username"])
        else:
            statement = "UPDATE client SET disabled_at = %(at)s WHERE client_id = %(id)s"
            self.house.as_owner(statement, at=at, id=one.app.client_id)

    # What must hold.

    @invariant()
    def what_was_touched_is_as_the_model_says(self) -> None:
        if self.touched is not None:
            self._compare(self.touched)

    def teardown(self) -> None:
        for one in self.all:
            self._compare(one)

    def _compare(self, of: Grant) -> None:
        assert of.answers_to_code <= 1
        for token in of.access + of.refresh:
            told = requests.post(
                f"{self.house.base}/auth/introspect",
                data={"token": token.text},
                headers=self.seer,
                timeout=30,
            ).json()
            assert told["active"] == of.active(token), told
            assert frozenset(told.get("scope", "").split()) <= of.granted
        if of.access:
            token = of.access[-1]
            seen = self.house.get("MedicationDispense", token.text).status_code
            opens = "patient/MedicationDispense.rs" in token.scopes
            # 403 where the token is one of ours still, and its user nobody's.
            assert seen in ((200 if opens else 403,) if of.active(token) else (401, 403))

    def _answered(self, of: Grant, answer: requests.Response, expected: bool, *, code: bool = False) -> None:
        self.touched = of
        assert answer.status_code in (200, 400, 401), answer.text
        assert (answer.status_code == 200) == expected, answer.text
        if answer.status_code == 200:
            told = answer.json()
            of.issued(told)
            of.answers_to_code += code
            claims = parts(told["access_token"])[1]
            assert claims["scope"] == told["scope"]
            assert claims["client_id"] == of.party.app.client_id

    def _raced(self, of: Grant, send: Send, expected: list[bool], *, code: bool = False) -> None:
        answers = list(self.world.pool.map(lambda _: send(), range(2)))
        answers.sort(key=lambda one: one.status_code)
        for answer, good in zip(answers, sorted(expected, reverse=True), strict=True):
            self._answered(of, answer, good, code=code)

    def _by(self, of: Grant, app: int, proof: bool) -> tuple[Party, str]:
        return self.parties[app], of.verifier if proof else "v" * 43

    def _redemption(self, of: Grant, app: int, proof: bool) -> Send:
        party, verifier = self._by(of, app, proof)
        form = {
            "grant_type": "authorization_code",
            "code": of.code,
            "redirect_uri": of.party.app.redirect_uri,
        }
        return lambda: self._client(party, "/auth/token", **form, code_verifier=verifier)

    def _refreshing(self, token: Token, app: int, scopes: frozenset[str] | None) -> Send:
        form = {"grant_type": "refresh_token", "refresh_token": token.text}
        if scopes is not None:
            form["scope"] = " ".join(sorted(scopes))
        return lambda: self._client(self.parties[app], "/auth/token", **form)

    def _client(self, party: Party, path: str, **form: str) -> requests.Response:
        app = party.app
        auth = (app.client_id, app.secret) if app.secret else None
        named = {} if app.secret else {"client_id": app.client_id}
        return requests.post(f"{self.house.base}{path}", data={**form, **named}, auth=auth, timeout=30)

    def _drawn(self, data: Any) -> tuple[Grant, Token]:
        of: Grant = data.draw(st.sampled_from([one for one in self.all if one.refresh]))
        # The newest is what an app brings; an old one, what a thief does.
        return of, data.draw(st.sampled_from([of.refresh[-1], *of.refresh]))


def test_no_order_of_events_gives_two_tokens_for_one_code_or_more_than_was_granted(house: House) -> None:
    world = World(house)
    run_state_machine_as_test(
        lambda: Life(world),
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    world.pool.shutdown()
