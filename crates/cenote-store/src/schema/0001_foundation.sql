-- User pools and what signing in needs. Column types are portable: text, bigint (milliseconds for times, 0/1 for
-- booleans), bytes. No table has two unique keys that begin with the same column (docs/architecture.md, "Store").
-- Pools and clients end by a tombstone (deleted_at) and a reaper; what belongs to a user goes with its row.

-- Limits: one row per owner and kind, changed only by "n = n + 1 where n < limit" and its inverse.
create table counters (
  owner text not null,
  kind text not null,
  n bigint not null,
  primary key (owner, kind)
);

-- Data keys, wrapped by the master key. scope: 'server' or a pool's id.
create table data_keys (
  scope text not null,
  purpose text not null,
  version bigint not null,
  state text not null,
  wrapped bytes not null,
  created_at bigint not null,
  primary key (scope, purpose, version)
);

create table signing_keys (
  kid text not null primary key,
  pool_id text not null,
  token_use text not null,
  algorithm text not null,
  state text not null,
  private_key bytes not null,
  public_key bytes not null,
  created_at bigint not null,
  activates_at bigint not null,
  retires_at bigint
);
create index signing_keys_pool on signing_keys (pool_id);

create table access_keys (
  key_id text not null primary key,
  account_id text not null,
  principal text not null,
  secret bytes not null,
  status text not null,
  epoch bigint not null,
  created_at bigint not null,
  details text not null
);
create index access_keys_principal on access_keys (principal);

create table pools (
  pool_id text not null primary key,
  account_id text not null,
  region text not null,
  name text not null,
  issuer text not null,
  settings text not null,
  version bigint not null,
  created_at bigint not null,
  modified_at bigint not null,
  deleted_at bigint
);

-- The estimate of a pool's users: sharded, so that sign-ups do not queue for one row.
create table pool_user_counts (
  pool_id text not null,
  shard bigint not null,
  n bigint not null,
  primary key (pool_id, shard)
);

create table clients (
  client_id text not null primary key,
  pool_id text not null,
  name text not null,
  client_type text not null,
  settings text not null,
  version bigint not null,
  created_at bigint not null,
  modified_at bigint not null,
  deleted_at bigint
);
create index clients_pool on clients (pool_id, client_id);

create table client_secrets (
  client_id text not null,
  secret_id text not null,
  sealed bytes not null,
  created_at bigint not null,
  primary key (client_id, secret_id)
);

-- username_key: the username as it is compared (lower case where the pool ignores case).
-- password: sealed Argon2id text; srp: sealed salt and verifier; both null where the user has none.
create table users (
  sub text not null,
  pool_id text not null,
  username text not null,
  username_key text not null,
  status text not null,
  enabled bigint not null,
  attributes text not null,
  mfa text not null,
  password bytes,
  password_set_at bigint,
  password_expires_at bigint,
  srp bytes,
  tokens_valid_after bigint not null,
  details text not null,
  version bigint not null,
  created_at bigint not null,
  modified_at bigint not null,
  primary key (sub, pool_id)
);
create unique index users_username on users (pool_id, username_key);

-- Who may sign in by an e-mail address, a phone number or a preferred user name.
create table aliases (
  pool_id text not null,
  kind text not null,
  value text not null,
  sub text not null,
  primary key (pool_id, kind, value),
  foreign key (sub, pool_id) references users (sub, pool_id) on delete cascade
);
create index aliases_user on aliases (sub, pool_id);

-- The attributes that ListUsers searches, folded.
create table user_attributes (
  pool_id text not null,
  name text not null,
  value text not null,
  sub text not null,
  primary key (pool_id, name, value, sub),
  foreign key (sub, pool_id) references users (sub, pool_id) on delete cascade
);
create index user_attributes_user on user_attributes (sub, pool_id);

-- One pending code per user and purpose: a new one replaces the old. digest: a MAC of the code, never the code;
-- replaced: those of the codes before, the newest first.
create table codes (
  sub text not null,
  pool_id text not null,
  purpose text not null,
  digest bytes not null,
  replaced bytes not null,
  attribute text not null,
  pending bytes,
  created_at bigint not null,
  expires_at bigint not null,
  primary key (sub, pool_id, purpose),
  foreign key (sub, pool_id) references users (sub, pool_id) on delete cascade
);
create index codes_expiry on codes (expires_at);

-- Claimed before a secret is checked, given back on success. subject: a user's sub, or a MAC of an unknown name.
create table attempts (
  pool_id text not null,
  subject text not null,
  factor text not null,
  failures bigint not null,
  locked_until bigint not null,
  expires_at bigint not null,
  primary key (pool_id, subject, factor)
);
create index attempts_expiry on attempts (expires_at);

-- One row per sign-in. Present means valid: sign-out and revocation delete it.
create table token_families (
  origin_jti text not null primary key,
  pool_id text not null,
  sub text not null,
  client_id text not null,
  generation bigint not null,
  rotated_at bigint,
  scopes text not null,
  methods text not null,
  device_key text,
  sso_id text,
  session_id text,
  details text not null,
  auth_time bigint not null,
  created_at bigint not null,
  last_active_at bigint not null,
  expires_at bigint not null,
  foreign key (sub, pool_id) references users (sub, pool_id) on delete cascade
);
create index token_families_user on token_families (sub, pool_id);
create index token_families_client on token_families (client_id);
create index token_families_expiry on token_families (expires_at);

-- State of a sign-in that must stay on the server; everything else travels sealed in the session.
create table flow_states (
  id text not null primary key,
  pool_id text not null,
  client_id text not null,
  sub text not null,
  kind text not null,
  payload bytes not null,
  created_at bigint not null,
  expires_at bigint not null
);
create index flow_states_expiry on flow_states (expires_at);

-- Challenge sessions that have done their work: the row makes the second use fail.
create table used_sessions (
  id text not null primary key,
  expires_at bigint not null
);
create index used_sessions_expiry on used_sessions (expires_at);

create table messages (
  id text not null primary key,
  pool_id text not null,
  kind text not null,
  medium text not null,
  state text not null,
  destination bytes not null,
  content bytes not null,
  attempts bigint not null,
  next_attempt_at bigint not null,
  created_at bigint not null,
  expires_at bigint not null,
  sent_at bigint,
  last_error text
);
create index messages_due on messages (state, next_attempt_at);
create index messages_expiry on messages (expires_at);
create index messages_pool on messages (pool_id);
