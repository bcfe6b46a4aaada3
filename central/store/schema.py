"""The tables of the collector's store, as SQL text; one constant a migration."""

from typing import Final

# Times are integer ms UTC. `record.id` is the order of receipt. `side` 0 is the line that answers are given on;
# a fork's other lines are 1, 2, ...  `mark`: 0 not a counted kind, 1 counted, 2 repeat, 3 unread (version unknown).
TABLES_1: Final = """
CREATE TABLE gate(
  no INTEGER PRIMARY KEY, gate TEXT NOT NULL UNIQUE, public_key BLOB NOT NULL, grid TEXT NOT NULL, site TEXT NOT NULL,
  enrolled_ms INTEGER NOT NULL, revoked_ms INTEGER);
CREATE TABLE gate_state(
  gate_no INTEGER PRIMARY KEY REFERENCES gate(no), hello_at INTEGER, boot_id BLOB, clock TEXT, online INTEGER NOT NULL,
  seen_ms INTEGER, backlog INTEGER NOT NULL, faults TEXT NOT NULL, versions TEXT NOT NULL,
  claim_at INTEGER, claim_epoch BLOB, claim_number INTEGER, complete_ms INTEGER);
CREATE TABLE tree(version INTEGER PRIMARY KEY, taken_ms INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE epoch(
  id INTEGER PRIMARY KEY, gate_no INTEGER NOT NULL REFERENCES gate(no), epoch BLOB NOT NULL,
  through INTEGER NOT NULL, head BLOB NOT NULL, top INTEGER NOT NULL, sides INTEGER NOT NULL,
  low_floor INTEGER NOT NULL, low_floor_ms INTEGER NOT NULL,
  parent_head BLOB, parent_epoch BLOB, parent_last INTEGER, UNIQUE(gate_no, epoch));
CREATE TABLE record(
  id INTEGER PRIMARY KEY, epoch_id INTEGER NOT NULL REFERENCES epoch(id), number INTEGER NOT NULL,
  side INTEGER NOT NULL, head BLOB NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, corrected_ms INTEGER,
  mark INTEGER NOT NULL, received_ms INTEGER NOT NULL, header BLOB NOT NULL, UNIQUE(epoch_id, number, side));
CREATE INDEX record_unread ON record(id) WHERE mark = 3;
CREATE TABLE payload(record_id INTEGER PRIMARY KEY REFERENCES record(id), salt BLOB NOT NULL, payload BLOB NOT NULL);
CREATE TABLE signed_head(
  epoch_id INTEGER NOT NULL, last INTEGER NOT NULL, head BLOB NOT NULL, message BLOB NOT NULL,
  PRIMARY KEY(epoch_id, last, head)) WITHOUT ROWID;
CREATE TABLE gap(
  epoch_id INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, head_before BLOB NOT NULL,
  head_after BLOB NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(epoch_id, first)) WITHOUT ROWID;
CREATE TABLE dim(
  id INTEGER PRIMARY KEY, grid TEXT NOT NULL, site TEXT NOT NULL, direction TEXT NOT NULL, lane_kind TEXT NOT NULL,
  pass_class TEXT NOT NULL, figure TEXT NOT NULL, value TEXT NOT NULL, reason TEXT NOT NULL,
  UNIQUE(grid, site, direction, lane_kind, pass_class, figure, value, reason));
CREATE TABLE leaf(
  dim INTEGER NOT NULL REFERENCES dim(id), kind TEXT NOT NULL, bucket INTEGER NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY(kind, bucket, dim)) WITHOUT ROWID;
CREATE TABLE counted(
  gate_no INTEGER NOT NULL, passage BLOB NOT NULL, figure TEXT NOT NULL, record_id INTEGER NOT NULL,
  at INTEGER NOT NULL, epoch BLOB NOT NULL, number INTEGER NOT NULL, dim INTEGER NOT NULL, corrected_ms INTEGER,
  PRIMARY KEY(gate_no, passage, figure)) WITHOUT ROWID;
CREATE TABLE clock_set(
  gate_no INTEGER NOT NULL, boot_id BLOB NOT NULL, mono_ms INTEGER NOT NULL, record_id INTEGER NOT NULL,
  offset_ms INTEGER NOT NULL, PRIMARY KEY(gate_no, boot_id, mono_ms, record_id)) WITHOUT ROWID;
CREATE TABLE untrusted(
  gate_no INTEGER NOT NULL, boot_id BLOB NOT NULL, mono_ms INTEGER NOT NULL, record_id INTEGER NOT NULL,
  at INTEGER NOT NULL, passage BLOB, figure TEXT, dim INTEGER, corrected_ms INTEGER,
  PRIMARY KEY(gate_no, boot_id, mono_ms, record_id)) WITHOUT ROWID;
CREATE TABLE alarm_case(
  gate_no INTEGER NOT NULL, epoch BLOB NOT NULL, number INTEGER NOT NULL, origin TEXT NOT NULL, open INTEGER NOT NULL,
  name TEXT NOT NULL, priority INTEGER NOT NULL, detail TEXT NOT NULL, passage BLOB,
  opened_ms INTEGER, cleared_ms INTEGER, late INTEGER NOT NULL, orphan INTEGER NOT NULL,
  PRIMARY KEY(gate_no, epoch, number, origin));
CREATE INDEX case_open ON alarm_case(gate_no) WHERE open = 1;
CREATE INDEX case_passage ON alarm_case(gate_no, passage) WHERE open = 1 AND passage IS NOT NULL;
CREATE TABLE copy(
  gate_no INTEGER NOT NULL, epoch BLOB NOT NULL, number INTEGER NOT NULL, head BLOB NOT NULL, header BLOB NOT NULL,
  salt BLOB NOT NULL, payload BLOB NOT NULL, received_ms INTEGER NOT NULL, PRIMARY KEY(gate_no, epoch, number, head));
CREATE TABLE quarantine(
  id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, reason TEXT NOT NULL, size INTEGER NOT NULL,
  data BLOB NOT NULL, at_ms INTEGER NOT NULL);
CREATE TABLE publish(
  topic TEXT PRIMARY KEY, changed INTEGER NOT NULL, published INTEGER NOT NULL, version INTEGER NOT NULL);
CREATE INDEX publish_due ON publish(topic) WHERE changed > published;
CREATE TABLE document(
  scope TEXT NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL, data BLOB NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY(scope, kind, version));
CREATE TABLE cursor(name TEXT PRIMARY KEY, position INTEGER NOT NULL);
"""

# Every key that a gate ever signed with: heads that an earlier one signed stay good. And what an operator brought in
# from a dead gate's card: which records, from which file; `signed` 0: no signature of the gate vouches for them.
TABLES_2: Final = """
CREATE TABLE gate_key(
  gate_no INTEGER NOT NULL REFERENCES gate(no), public_key BLOB NOT NULL, since_ms INTEGER NOT NULL,
  PRIMARY KEY(gate_no, public_key)) WITHOUT ROWID;
INSERT INTO gate_key SELECT no, public_key, enrolled_ms FROM gate;
CREATE TABLE rescue(
  first_id INTEGER PRIMARY KEY, last_id INTEGER NOT NULL, epoch_id INTEGER NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, signed INTEGER NOT NULL, by TEXT NOT NULL, file TEXT NOT NULL, sha256 TEXT NOT NULL,
  at_ms INTEGER NOT NULL);
"""

# Who lives and works behind the gates, and what they were given. An ID number is here only as a keyed HMAC (`id_mac`)
# and inside `document_digest`, whose salt is the pass id: both are made when the number is seen, so a person and an
# application have their pass id before they have a pass. `claims` is the payload of the pass as it was last signed.
# `status`: 0 valid, 1 revoked, 2 suspended, 3 ask. `link_digest`: SHA-256 of the token in a link to the pass.
# `application.state`: pending, confirmed, refused, forgotten.
# `issued.person` may be the number of somebody who was forgotten since.
TABLES_3: Final = """
CREATE TABLE household(
  id BLOB PRIMARY KEY, site TEXT NOT NULL, unit_label TEXT NOT NULL, note TEXT NOT NULL, UNIQUE(site, unit_label));
CREATE TABLE person(
  no INTEGER PRIMARY KEY, site TEXT NOT NULL, household BLOB REFERENCES household(id), class TEXT NOT NULL,
  name TEXT NOT NULL, phone TEXT NOT NULL, plate TEXT NOT NULL, party_size INTEGER NOT NULL, id_mac BLOB,
  subject BLOB NOT NULL, pass_id BLOB NOT NULL UNIQUE, document_digest BLOB, confirmed_ms INTEGER,
  declared TEXT NOT NULL, UNIQUE(site, id_mac));
CREATE INDEX person_household ON person(household);
CREATE TABLE issued(
  pass_id BLOB PRIMARY KEY, person INTEGER REFERENCES person(no), subject BLOB NOT NULL, class TEXT NOT NULL,
  household BLOB, list_scope TEXT, status_index INTEGER, status INTEGER NOT NULL, status_why TEXT NOT NULL,
  status_ms INTEGER NOT NULL, not_before_s INTEGER NOT NULL, expires_s INTEGER NOT NULL, claims BLOB NOT NULL,
  link_digest BLOB UNIQUE, device_key BLOB, variant TEXT NOT NULL, issued_ms INTEGER NOT NULL, invited_by BLOB,
  UNIQUE(list_scope, status_index));
CREATE INDEX issued_person ON issued(person);
CREATE INDEX issued_household ON issued(household);
CREATE TABLE cutoff(
  scope TEXT NOT NULL, kind TEXT NOT NULL, value BLOB NOT NULL, before_s INTEGER NOT NULL, set_ms INTEGER NOT NULL,
  by TEXT NOT NULL, PRIMARY KEY(scope, kind, value)) WITHOUT ROWID;
CREATE TABLE application(
  no INTEGER PRIMARY KEY, site TEXT NOT NULL, unit_label TEXT NOT NULL, class TEXT NOT NULL, name TEXT NOT NULL,
  phone TEXT NOT NULL, plate TEXT NOT NULL, party_size INTEGER NOT NULL, id_mac BLOB, pass_id BLOB NOT NULL UNIQUE,
  document_digest BLOB, declared TEXT NOT NULL, link_digest BLOB NOT NULL UNIQUE, applied_ms INTEGER NOT NULL,
  state TEXT NOT NULL, decided_ms INTEGER, by TEXT NOT NULL, why TEXT NOT NULL);
CREATE INDEX application_pending ON application(site, no) WHERE state = 'pending';
"""

# Cards and number plates that stand for passes. `number` as gates compare it (checkpoint/cards.py).
TABLES_4: Final = """
CREATE TABLE card(
  site TEXT NOT NULL, technology TEXT NOT NULL, number BLOB NOT NULL, pass_id BLOB NOT NULL, added_ms INTEGER NOT NULL,
  by TEXT NOT NULL, PRIMARY KEY(site, technology, number)) WITHOUT ROWID;
CREATE INDEX card_pass ON card(pass_id);
"""

# Of whom a named authority wants to hear. `hashed`: `checkpoint.watch.keyed` with the secret of the folder of keys: no
# number is in the store. Rows stay after they ended or were removed, to answer who asked for what, until retention.
TABLES_5: Final = """
CREATE TABLE watched(
  no INTEGER PRIMARY KEY, scope TEXT NOT NULL, kind TEXT NOT NULL, hashed BLOB NOT NULL, call TEXT NOT NULL,
  why TEXT NOT NULL, by TEXT NOT NULL, added_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,
  removed_ms INTEGER, removed_by TEXT NOT NULL, removed_why TEXT NOT NULL);
"""

# A policy that goes out in stages. `stages`, `stop_when`: as central/rollout_plan.py reads them. `state`: running,
# stopped, done, back. `position`: the last record that the watch has read. `rollout_gate`: what each gate says of it,
# its verdicts in the days before its stage began, and those made by the new policy. `rollout_act`: who did what.
TABLES_6: Final = """
CREATE TABLE rollout(
  no INTEGER PRIMARY KEY, scope TEXT NOT NULL, policy TEXT NOT NULL, policy_version INTEGER NOT NULL,
  content BLOB NOT NULL, base_version INTEGER NOT NULL, base_content BLOB NOT NULL, stages TEXT NOT NULL,
  stop_when TEXT NOT NULL, valid_ms INTEGER NOT NULL, state TEXT NOT NULL, stage INTEGER NOT NULL,
  version INTEGER NOT NULL, changed_ms INTEGER NOT NULL, position INTEGER NOT NULL, jumped TEXT NOT NULL);
CREATE UNIQUE INDEX rollout_live ON rollout(scope) WHERE state IN ('running', 'stopped');
CREATE TABLE rollout_gate(
  rollout INTEGER NOT NULL REFERENCES rollout(no), gate_no INTEGER NOT NULL REFERENCES gate(no), state TEXT NOT NULL,
  version INTEGER NOT NULL, why TEXT NOT NULL, in_force_ms INTEGER, before_all INTEGER NOT NULL,
  before_deny INTEGER NOT NULL, before_escalate INTEGER NOT NULL, after_all INTEGER NOT NULL,
  after_deny INTEGER NOT NULL, after_escalate INTEGER NOT NULL, PRIMARY KEY(rollout, gate_no)) WITHOUT ROWID;
CREATE TABLE rollout_act(
  id INTEGER PRIMARY KEY, rollout INTEGER NOT NULL REFERENCES rollout(no), at_ms INTEGER NOT NULL, act TEXT NOT NULL,
  stage INTEGER NOT NULL, version INTEGER NOT NULL, by TEXT NOT NULL, why TEXT NOT NULL);
"""
