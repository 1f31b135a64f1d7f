"""A browser without scripts: it keeps cookies, follows redirects, and fills forms by field name.

It stops at the app's redirect URI, which it does not call, or at a page that asks for nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from conformance.run.exchanges import Answer, Exchanges
from conformance.run.outcomes import Fail

_STEPS = 16
_REFRESH = re.compile(r"\d+\s*;\s*url=(.+)", re.IGNORECASE)
_HTML = "text/html,application/xhtml+xml"

#: Whether the user leaves this checkbox ticked: its name and its value.
Choice = Callable[[str, str], bool]


def tick_all(_name: str, _value: str) -> bool:
    """Return True: the user grants whatever is asked."""
    return True


@dataclass(slots=True)
class Form:
    """One form of a page."""

    action: str
    method: str
    fields: list[tuple[str, str, str]] = field(default_factory=list)
    """name, value, type"""
    buttons: list[tuple[str, str]] = field(default_factory=list)

    @property
    def names(self) -> frozenset[str]:
        """Return the names of the fields that a person sees."""
        return frozenset(name for name, _, kind in self.fields if kind != "hidden")


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a way ended: at the app, with `parameters`; or at a page, with `parameters` None."""

    url: str
    answer: Answer
    parameters: Mapping[str, str] | None = None


class Page(HTMLParser):
    """The forms of a page, and the address that a `refresh` names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.refresh = ""
        self._open: Form | None = None
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what matters of one tag."""
        given = {name: value or "" for name, value in attrs}
        if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            match = _REFRESH.fullmatch(given.get("content", "").strip())
            self.refresh = match[1] if match else ""
        elif tag == "form":
            self._open = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._open)
        elif self._open is not None:
            self._note(self._open, tag, given)

    def handle_endtag(self, tag: str) -> None:
        """Close what was open."""
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = ""

    def _note(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name, kind = given.get("name", ""), given.get("type", "text").lower()
        if tag == "button" or (tag == "input" and kind in ("submit", "image")):
            form.buttons.append((name, given.get("value", "")))
        elif tag == "input" and name:
            box = kind in ("checkbox", "radio")
            taken = kind == "radio" and any(other == name for other, _, _ in form.fields)
            if not (taken and "checked" not in given):
                form.fields.append((name, given.get("value", "on" if box else ""), kind))
        elif tag == "textarea" and name:
            form.fields.append((name, "", kind))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            form.fields.append((self._select, given.get("value", ""), "select"))
            self._select = ""


@dataclass(slots=True)
class Browser:
    """One person's browser. `values` are form fields and buttons by name."""

    http: Exchanges
    values: Mapping[str, str] = field(repr=False)
    choice: Choice = tick_all
    pages: list[Answer] = field(default_factory=list)
    """Every page that was shown."""
    _jar: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    def get(self, url: str, stop: str) -> Landing:
        """Return where a GET of `url` leads. Raises Fail when it leads nowhere."""
        return self._walk(url, self._ask("GET", url), stop)

    def post(self, url: str, fields: Mapping[str, str], stop: str, origin: str = "") -> Landing:
        """Return where a form post leads, sent by a page of `origin`. Raises Fail."""
        return self._walk(url, self._submit(url, list(fields.items()), origin or "null"), stop)

    def _walk(self, url: str, answer: Answer, stop: str) -> Landing:
        asked: list[tuple[str, frozenset[str]]] = []
        for _ in range(_STEPS):
            target = self._target(url, answer)
            if target is not None:
                if target.partition("?")[0] == stop.partition("?")[0]:
                    found = parse_qsl(urlsplit(target).query, keep_blank_values=True)
                    return Landing(target, answer, dict(found))
                url, answer = target, self._ask("GET", target)
                continue
            self.pages.append(answer)
            form = self._form(answer)
            if answer.status >= 400 or form is None:
                return Landing(url, answer)
            where = urljoin(url, form.action) if form.action else url
            if asked.count((where, form.names)) == 2:
                raise Fail("a page asks for the same again: what the config gives is not taken")
            asked.append((where, form.names))
            url, answer = where, self._send(url, where, form)
        raise Fail(f"no end after {_STEPS} steps")

    def _target(self, url: str, answer: Answer) -> str | None:
        if 300 <= answer.status < 400:
            if not answer.headers.get("location"):
                raise Fail("a redirect without Location")
            return urljoin(url, answer.headers["location"])
        if "html" in answer.headers.get("content-type", ""):
            refresh = Page(answer.body.decode("utf-8", "replace")).refresh
            return urljoin(url, refresh) if refresh else None
        return None

    def _form(self, answer: Answer) -> Form | None:
        """Return the form that asks for most of what we know; or the first, which may ask for nothing."""
        if "html" not in answer.headers.get("content-type", ""):
            return None
        forms = [
            one for one in Page(answer.body.decode("utf-8", "replace")).forms if one.fields or one.buttons
        ]
        known = self.values.keys()

        def weight(form: Form) -> int:
            return len(form.names & known) + sum(name in known for name, _ in form.buttons)

        return max(forms, key=weight, default=None)

    def _send(self, page: str, where: str, form: Form) -> Answer:
        sent = []
        for name, value, kind in form.fields:
            if kind == "checkbox":
                if self.choice(name, value):
                    sent.append((name, value))
            else:
                sent.append((name, value if kind == "hidden" else self.values.get(name, value)))
        wanted = [one for one in form.buttons if self.values.get(one[0]) == one[1]] or form.buttons[:1]
        sent += [one for one in wanted[:1] if one[0]]
        if form.method == "post":
            return self._submit(where, sent, _origin(page))
        return self._ask("GET", f"{where.partition('?')[0]}?{urlencode(sent)}")

    def _submit(self, url: str, fields: list[tuple[str, str]], origin: str) -> Answer:
        headers = {"Accept": _HTML, "Origin": origin, **self._cookie(url)}
        return self._kept(url, self.http.form(url, fields, headers))

    def _ask(self, method: str, url: str) -> Answer:
        headers = {"Accept": _HTML, **self._cookie(url)}
        return self._kept(url, self.http.request(method, url, headers))

    def _cookie(self, url: str) -> dict[str, str]:
        host = urlsplit(url).hostname or ""
        pairs = [f"{name}={value}" for (owner, name), value in self._jar.items() if owner == host]
        return {"Cookie": "; ".join(pairs)} if pairs else {}

    def _kept(self, url: str, answer: Answer) -> Answer:
        host = urlsplit(url).hostname or ""
        for line in answer.cookies:
            pair, _, attributes = line.partition(";")
            name, _, value = pair.strip().partition("=")
            if "max-age=0" in attributes.lower().replace(" ", ""):
                self._jar.pop((host, name), None)
            else:
                self._jar[host, name] = value
        return answer


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
