"""Merge, split, reject, undo: each is one transaction with the rows it moves and its audit rows.

Nothing is deleted: the persons as they were are kept, and so is what moved. The newest action about a person
is undone first, so that each undo finds things as its action left them. Live grants and users' consents about
the persons end: what they stood on has changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection

from gateway.audit.record import AuditEntry, record
from gateway.core.clock import Clock
from gateway.core.errors import BadRequest, Conflict, GatewayError, NotFound
from gateway.core.ids import uuid7
from gateway.mapping.tables import Mappings
from gateway.stewardship.authenticate import Steward
from gateway.stewardship.work import Work
from gateway.store import ingest
from gateway.store import stewardship as store
from gateway.store.database import Database, Row
from gateway.store.stewardship import Action, Review

_LONGEST_REASON = 200
#: Numbers of a person have no place in a reason, which the audit shows to whoever reads it.
_NUMBERS = re.compile(r"\d[\d\s./-]{3,}\d")


@dataclass(frozen=True, slots=True)
class Done:
    """What an action did. `person_id` is who stays or was split, `other_person_id` who went or came."""

    action_id: UUID
    kind: str
    person_id: UUID
    other_person_id: UUID
    descriptions: int = 0
    dispensations: int = 0
    undoes: UUID | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """A steward at work: who it is, why, and what it takes. Every action is audited, a refused one too."""

    database: Database
    mappings: Mappings
    clock: Clock
    steward: Steward
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip() or len(self.reason) > _LONGEST_REASON or not self.reason.isprintable():
            raise BadRequest(f"A reason is one line of at most {_LONGEST_REASON} characters.")
        if _NUMBERS.search(self.reason):
            raise BadRequest("A reason must hold no numbers or dates of a person: the audit keeps it.")

    def merge(self, keep: UUID, away: UUID) -> Done:
        """Make one person of two: `keep` stays, `away` answers with it from now on.

        Raises NotFound, and Conflict for one person twice, a person and an animal, or one merged away.
        """
        return self._act("merge", (keep, away), lambda work: self._merge(work, keep, away))

    def split(self, person_id: UUID, descriptions: Sequence[UUID]) -> Done:
        """Make a new person of some descriptions of one; the two are never joined by a rule again.

        Raises NotFound, BadRequest for descriptions that are not the person's, or all of them.
        """
        return self._act("split", (person_id,), lambda work: self._split(work, person_id, descriptions))

    def accept(self, review_id: UUID, keep: UUID | None = None) -> Done:
        """Settle a doubtful link by merging; the person that was there first stays, unless `keep` says."""

        def act(work: Work) -> Done:
            pair = sorted(self._open(work, review_id).now)
            chosen = keep or pair[0]
            if chosen not in pair:
                raise BadRequest("The person to keep is not one of the two in doubt.")
            [away] = [one for one in pair if one != chosen]
            return self._merge(work, chosen, away)

        return self._act("merge", (), act)

    def reject(self, review_id: UUID) -> Done:
        """Settle a doubtful link by never joining the two."""

        def act(work: Work) -> Done:
            one, other = sorted(self._open(work, review_id).now)
            doubts = store.doubts_between(work.connection, work.jurisdiction, one, other)
            work.keep_before((one, other))
            store.add_never(work.connection, work.jurisdiction, work.action_id, one, other)
            store.resolve_reviews(
                work.connection, work.jurisdiction, doubts, "rejected", self.steward.username
            )
            self._keep(work, "never-link", one, other, review_ids=doubts)
            return Done(work.action_id, "never-link", one, other)

        return self._act("never-link", (), act)

    def undo(self, action_id: UUID) -> Done:
        """Take an action back. Raises NotFound, and Conflict when it is not the newest about its persons."""
        return self._act("undo", (), lambda work: self._undo(work, action_id))

    def _merge(self, work: Work, keep: UUID, away: UUID) -> Done:
        if keep == away:
            raise Conflict("That is one person already.")
        kept, gone = work.standing(keep, away)
        if kept.species != gone.species:
            raise Conflict("A person and an animal are not one.")
        connection, jurisdiction = work.connection, work.jurisdiction
        followers = store.replaced(connection, jurisdiction, [away]).get(away, ())
        work.keep_before((keep, away, *followers))
        doubts = store.doubts_between(connection, jurisdiction, keep, away)
        never = [row[0] for row in store.forbidden(connection, jurisdiction, (keep, away))]
        store.end_never(connection, jurisdiction, never)
        store.resolve_reviews(connection, jurisdiction, doubts, "merged", self.steward.username)
        moved = store.description_ids(connection, jurisdiction, away)
        count = work.move(away, keep, moved)
        for person_id in (*followers, away):
            work.write(person_id, merged_into=keep)
        work.write(keep)
        store.revoke_access(connection, jurisdiction, (keep, away, *followers))
        self._keep(work, "merge", keep, away, review_ids=doubts, ended_never=never)
        return Done(work.action_id, "merge", keep, away, len(moved), count)

    def _split(self, work: Work, person_id: UUID, descriptions: Sequence[UUID]) -> Done:
        [whole] = work.standing(person_id)
        connection, jurisdiction = work.connection, work.jurisdiction
        own, parts = set(store.description_ids(connection, jurisdiction, person_id)), set(descriptions)
        if not parts or not parts <= own:
            raise BadRequest("Name descriptions of that person; showing it lists them.")
        if parts == own:
            raise BadRequest("Some description must stay with the person.")
        made = uuid7()
        work.keep_before((person_id,))
        work.add(made, whole.species)
        count = work.move(person_id, made, sorted(parts))
        work.write(made)
        work.write(person_id)
        store.add_never(connection, jurisdiction, work.action_id, person_id, made)
        store.revoke_access(connection, jurisdiction, (person_id,))
        self._keep(work, "split", person_id, made)
        return Done(work.action_id, "split", person_id, made, len(parts), count)

    def _undo(self, work: Work, action_id: UUID) -> Done:
        connection, jurisdiction = work.connection, work.jurisdiction
        action = store.action(connection, jurisdiction, action_id)
        if action is None:
            raise NotFound("There is no action with that id.")
        if action.kind == "undo":
            raise Conflict("An undo is not undone: do again what it took back.")
        if action.undone_by is not None:
            raise Conflict("That action was undone already.")
        before = store.before(connection, jurisdiction, action_id)
        persons = {action.person_id, action.other_person_id, *before}
        if store.later_action(connection, jurisdiction, action_id, persons) is not None:
            raise Conflict("A later action stands upon that one: undo the later one first.")
        work.keep_before(persons)
        count = 0
        moved: list[UUID] = []
        if action.kind == "merge":
            moved = store.moves(connection, jurisdiction, action_id)
            count = self._unmerge(work, action, before, moved)
        elif action.kind == "split":
            moved = store.description_ids(connection, jurisdiction, action.other_person_id)
            count = work.move(action.other_person_id, action.person_id, moved)
            work.write(action.other_person_id, merged_into=action.person_id)
            work.write(action.person_id)
        store.end_never(connection, jurisdiction, [action_id])
        store.reopen_never(connection, jurisdiction, action.ended_never)
        store.reopen_reviews(connection, jurisdiction, action.review_ids)
        if moved:
            store.revoke_access(connection, jurisdiction, persons)
        self._keep(work, "undo", action.person_id, action.other_person_id, undoes=action_id)
        store.mark_undone(connection, jurisdiction, action_id, work.action_id)
        return Done(
            work.action_id, "undo", action.person_id, action.other_person_id, len(moved), count, action_id
        )

    def _unmerge(
        self, work: Work, action: Action, before: dict[UUID, UUID | None], moved: Sequence[UUID]
    ) -> int:
        keep, away = action.person_id, action.other_person_id
        since = store.descriptions_since(work.connection, work.jurisdiction, action.action_id, keep)
        count = work.move(keep, away, moved)
        for person_id, merged_into in before.items():
            if merged_into is not None:
                work.write(person_id, merged_into=merged_into)
        work.write(away)
        work.write(keep)
        # What was reported while the two were one may be either's: a steward looks at it.
        store.add_reviews(work.connection, work.jurisdiction, keep, away, since)
        return count

    def _open(self, work: Work, review_id: UUID) -> Review:
        found = store.reviews(work.connection, work.jurisdiction, review_id=review_id)
        if not found:
            raise NotFound("There is no doubtful link with that id.")
        if found[0].resolution is not None or found[0].now[0] == found[0].now[1]:
            raise Conflict("That doubtful link is settled.")
        return found[0]

    def _keep(
        self,
        work: Work,
        kind: str,
        person_id: UUID,
        other_person_id: UUID,
        *,
        review_ids: Sequence[UUID] = (),
        ended_never: Sequence[UUID] = (),
        undoes: UUID | None = None,
    ) -> None:
        store.add_action(
            work.connection,
            jurisdiction=work.jurisdiction,
            action_id=work.action_id,
            kind=kind,
            person_id=person_id,
            other_person_id=other_person_id,
            account_id=self.steward.account_id,
            username=self.steward.username,
            reason=self.reason,
            review_ids=list(review_ids),
            ended_never=list(ended_never),
            undoes=undoes,
        )

    def _act(self, kind: str, asked: Iterable[UUID], act: Callable[[Work], Done]) -> Done:
        try:
            with self.database.transaction() as connection:
                # The lock of ingest: a file that is being merged sees all of an action or nothing.
                ingest.lock(connection, self.mappings.jurisdiction.code)
                done = act(Work(connection, self.mappings, uuid7(), self.clock.now()))
                about = (done.person_id, done.other_person_id)
                self.audit(connection, kind, "changed", about, about, action_id=done.action_id)
        except GatewayError as error:
            with self.database.connection() as connection:
                self.audit(connection, kind, "refused", asked, asked, reason=error.public)
            raise
        return done

    def audit(
        self,
        connection: Connection[Row],
        kind: str,
        outcome: str,
        about: Iterable[UUID],
        named: Iterable[UUID],
        *,
        action_id: UUID | None = None,
        reason: str = "",
    ) -> None:
        """Write an audit row for each person that an action is about, or one when that is nobody."""
        others = [f"Patient/{one}" for one in named]
        if action_id is not None:
            others.append(f"steward-action/{action_id}")
        rows: list[UUID | None] = list(about)
        for person_id in rows or [None]:
            record(
                connection,
                AuditEntry(
                    jurisdiction=self.mappings.jurisdiction.code,
                    outcome=outcome,
                    interaction=f"steward {kind}",
                    reason=f"{self.reason} [{reason}]" if reason else self.reason,
                    account_id=self.steward.account_id,
                    person_id=person_id,
                    other_resources=others,
                ),
            )
