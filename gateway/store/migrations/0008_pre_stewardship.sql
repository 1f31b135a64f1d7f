-- Who is who, decided by a person: merges, splits, pairs that are never to be joined, links that are in doubt.
-- Rows move between persons; nothing is deleted, and each action can be taken back.

-- A steward sees to the identities that the store keeps; the role receives no history.
ALTER TABLE pdmp.account DROP CONSTRAINT account_role_check;
ALTER TABLE pdmp.account ADD CONSTRAINT account_role_check
    CHECK (role IN ('practitioner', 'pharmacist', 'delegate', 'steward'));
ALTER TABLE pdmp.account DROP CONSTRAINT account_check;
ALTER TABLE pdmp.account ADD CONSTRAINT account_check
    CHECK (role IN ('delegate', 'steward') OR npi IS NOT NULL OR dea IS NOT NULL OR license IS NOT NULL);

-- An audit row also tells what a steward changed. Validated apart, so that the lock is short.
ALTER TABLE pdmp.audit DROP CONSTRAINT audit_outcome_check;
ALTER TABLE pdmp.audit ADD CONSTRAINT audit_outcome_check
    CHECK (outcome IN ('disclosed', 'no-data', 'unresolved', 'refused', 'failed', 'changed')) NOT VALID;
ALTER TABLE pdmp.audit VALIDATE CONSTRAINT audit_outcome_check;

-- A person that was merged away keeps its id and answers with the one that stands for it: always the last of
-- a chain, never another one that is merged away.
ALTER TABLE pdmp.person ADD COLUMN merged_into uuid;
ALTER TABLE pdmp.person ADD CONSTRAINT person_merged_into_check CHECK (merged_into <> person_id);
CREATE INDEX person_merged_into_idx ON pdmp.person (jurisdiction, merged_into) WHERE merged_into IS NOT NULL;

-- Rows follow their description, its fingerprint too. Ids grow with time: this index is only ever added to at
-- its end.
CREATE INDEX description_key_description_idx ON pdmp.description_key (jurisdiction, description_id);
GRANT UPDATE (person_id) ON pdmp.description TO pdmp_gateway;
GRANT UPDATE (person_id) ON pdmp.description_identifier TO pdmp_gateway;
GRANT UPDATE (person_id) ON pdmp.dispensation_version TO pdmp_gateway;

-- What a steward did, and why. The newest live action on a person is the first that can be undone.
CREATE TABLE pdmp.steward_action (
    jurisdiction     text NOT NULL,
    action_id        uuid NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('merge', 'split', 'never-link', 'undo')),
    person_id        uuid NOT NULL,           -- who survives, or was split, or the first of a pair
    other_person_id  uuid NOT NULL,           -- who was merged away, or came of a split, or the second
    account_id       uuid NOT NULL REFERENCES pdmp.account,
    username         text NOT NULL,           -- as it was then
    reason           text NOT NULL CHECK (reason <> ''),
    at               timestamptz NOT NULL,
    review_ids       uuid[] NOT NULL DEFAULT '{}',     -- the doubts that it settled
    ended_never      uuid[] NOT NULL DEFAULT '{}',     -- the actions whose never_link it ended
    undoes           uuid,                    -- of an undo: which action
    undone_by        uuid,                    -- the undo that took this one back
    PRIMARY KEY (jurisdiction, action_id),
    CHECK ((kind = 'undo') = (undoes IS NOT NULL))
);
CREATE INDEX steward_action_person_idx ON pdmp.steward_action (jurisdiction, person_id);
CREATE INDEX steward_action_other_idx ON pdmp.steward_action (jurisdiction, other_person_id);
GRANT SELECT, INSERT ON pdmp.steward_action TO pdmp_gateway;
GRANT UPDATE (undone_by) ON pdmp.steward_action TO pdmp_gateway;

-- Which descriptions an action took from whom to whom.
CREATE TABLE pdmp.steward_move (
    jurisdiction     text NOT NULL,
    person_id        uuid NOT NULL,           -- from
    action_id        uuid NOT NULL,
    description_id   uuid NOT NULL,
    to_person_id     uuid NOT NULL,
    PRIMARY KEY (jurisdiction, person_id, action_id, description_id)
);
CREATE INDEX steward_move_action_idx ON pdmp.steward_move (jurisdiction, action_id);
GRANT SELECT, INSERT ON pdmp.steward_move TO pdmp_gateway;

-- Every person that an action changed, as it was before.
CREATE TABLE pdmp.person_before (
    jurisdiction     text NOT NULL,
    person_id        uuid NOT NULL,
    action_id        uuid NOT NULL,
    species          text NOT NULL,
    version          integer NOT NULL,
    resource         bytea NOT NULL,          -- Patient, as it was shown
    mapping_version  text NOT NULL,
    updated_at       timestamptz NOT NULL,
    merged_into      uuid,
    PRIMARY KEY (jurisdiction, person_id, action_id)
);
CREATE INDEX person_before_action_idx ON pdmp.person_before (jurisdiction, action_id);
GRANT SELECT, INSERT ON pdmp.person_before TO pdmp_gateway;

-- Two persons that no rule may join again, the smaller id first.
CREATE TABLE pdmp.never_link (
    jurisdiction     text NOT NULL,
    person_id        uuid NOT NULL,
    other_person_id  uuid NOT NULL,
    action_id        uuid NOT NULL,
    ended_at         timestamptz,
    PRIMARY KEY (jurisdiction, person_id, other_person_id, action_id),
    CHECK (person_id < other_person_id)
);
CREATE INDEX never_link_other_idx ON pdmp.never_link (jurisdiction, other_person_id);
GRANT SELECT, INSERT ON pdmp.never_link TO pdmp_gateway;
GRANT UPDATE (ended_at) ON pdmp.never_link TO pdmp_gateway;

-- Links in doubt: two persons that may be one. Written when a description is assigned; the ids stay as they were
-- then, whoever is merged since. The evidence is in words, never in values.
CREATE TABLE pdmp.link_review (
    jurisdiction     text NOT NULL,
    review_id        uuid NOT NULL,
    person_id        uuid NOT NULL,
    other_person_id  uuid NOT NULL,
    description_id   uuid,                    -- whose arrival raised the doubt
    probability      double precision,        -- that the two are one, where a score was made
    agreeing         text[] NOT NULL DEFAULT '{}',
    disagreeing      text[] NOT NULL DEFAULT '{}',
    created_at       timestamptz NOT NULL DEFAULT now(),
    resolved_at      timestamptz,
    resolution       text CHECK (resolution IN ('merged', 'rejected')),
    resolved_by      text,                    -- the steward's username
    PRIMARY KEY (jurisdiction, person_id, review_id),
    CHECK (person_id <> other_person_id),
    CHECK ((resolved_at IS NULL) = (resolution IS NULL))
);
CREATE INDEX link_review_other_idx ON pdmp.link_review (jurisdiction, other_person_id);
CREATE INDEX link_review_open_idx ON pdmp.link_review (jurisdiction, created_at) WHERE resolved_at IS NULL;
GRANT SELECT, INSERT ON pdmp.link_review TO pdmp_gateway;
GRANT UPDATE (resolved_at, resolution, resolved_by) ON pdmp.link_review TO pdmp_gateway;
