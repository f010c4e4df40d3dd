-- What the store itself keeps. Column types are portable: text, bigint (milliseconds for times), bytes.

-- Facts about the whole installation, each written once.
create table instance (
  name text not null primary key,
  value bytes not null
);

-- One number per topic of configuration, raised by each write to it: how nodes learn that a cache is stale.
create table changes (
  topic text not null primary key,
  number bigint not null
);

-- Work that any node may do. run_at: not before this; whoever leases a job moves it to the lease's end, so that a job
-- whose node died comes back by itself; null: given up, kept for an operator. fence: raised by each lease, so that a
-- node that lost its lease can no longer write. progress: where the next run goes on.
create table jobs (
  id text not null primary key,
  kind text not null,
  payload bytes not null,
  progress text,
  run_at bigint,
  attempts bigint not null,
  fence bigint not null,
  leased_by text,
  last_error text,
  created_at bigint not null
);
create index jobs_due on jobs (kind, run_at);

-- Who did what. id: UUID of version 7, so it sorts by time.
create table audit (
  id text not null primary key,
  happened_at bigint not null,
  actor text not null,
  action text not null,
  resource text not null,
  request_id text not null,
  source_address text not null
);
