"""What must hold in the life of grants, as a model beside the running server: who may get what, and when.

The model is the specification in the small: it says for each request whether it is answered with tokens. The
machine (`machine.py`) asks the server the same, in any order, and compares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.smart_browser import App


@dataclass
class Member:
    """A user: the account's name and password, whether it is active, and how often it signed out."""

    user: dict[str, str]
    active: bool = True
    sessions: int = 0


@dataclass
class Party:
    """An app, and whether it is active."""

    app: App
    active: bool = True


@dataclass
class Token:
    """One access or refresh token: text, scopes, and whether it is over for a reason of its own."""

    text: str
    scopes: frozenset[str]
    over: bool = False
    used: bool = False


@dataclass
class Handle:
    """A launch: for this app and this user, once."""

    text: str
    party: Party
    member: Member
    over: bool = False


@dataclass
class Grant:
    """One consent with its code and all tokens of it. `granted`: what the user ticked, and no more."""

    party: Party
    member: Member
    code: str
    verifier: str
    granted: frozenset[str]
    session: int
    code_used: bool = False
    code_over: bool = False
    ended: bool = False
    answers_to_code: int = 0
    access: list[Token] = field(default_factory=list)
    refresh: list[Token] = field(default_factory=list)

    @property
    def online(self) -> bool:
        return "online_access" in self.granted and "offline_access" not in self.granted

    @property
    def stands(self) -> bool:
        """Return whether anything may be issued or used under it now."""
        session_is_over = self.online and self.session != self.member.sessions
        return not self.ended and self.party.active and self.member.active and not session_is_over

    def active(self, token: Token) -> bool:
        """Return whether a token of it opens anything now."""
        return self.stands and not token.over and not token.used

    def redeemed(self, party: Party, verifier: str) -> bool:
        """Return whether this redemption is answered with tokens, and take note of what it changes."""
        if not party.active:
            return False
        right = party is self.party and verifier == self.verifier
        if right and not self.code_used and not self.code_over:
            self.code_used = True
            return self.stands
        if self.code_used:
            # A second use, by whomever: a stolen code, and nobody knows which of the two was the thief.
            self.ended = True
        return False

    def refreshed(self, token: Token, party: Party, scopes: frozenset[str] | None) -> bool:
        """Return whether this refresh is answered with tokens, and take note of what it changes."""
        if not party.active:
            return False
        if token.used:
            self.ended = True
            return False
        if party is not self.party or not self.stands or token.over:
            return False
        if scopes is not None and not (scopes and scopes <= token.scopes):
            return False
        token.used = True
        return True

    def issued(self, answer: dict[str, Any]) -> None:
        """Take note of a token response, which may hold no more than was granted."""
        scopes = frozenset(answer["scope"].split())
        assert scopes <= self.granted, "more than the user granted"
        self.access.append(Token(answer["access_token"], scopes))
        may_refresh = bool({"offline_access", "online_access"} & self.granted)
        assert ("refresh_token" in answer) == may_refresh
        if may_refresh:
            # The next refresh token has all that was granted, whatever was asked for this time.
            self.refresh.append(Token(answer["refresh_token"], self.granted))
