-- What ListUsers walks: each list is a range of one index, in the order of the list.

-- All users of a pool, and those whose sub begins with a text.
create index users_sub on users (pool_id, sub);
create index users_status on users (pool_id, status, sub);
-- Few users are disabled: a list of those who are enabled walks all and leaves these out.
create index users_disabled on users (pool_id, sub) where enabled = 0;

-- A search must not depend on whether a sigma ends a word: the text that is searched ends where its author likes.
update user_attributes set value = replace(value, 'ς', 'σ') where replace(value, 'ς', 'σ') <> value;
