//! How the schema grows: numbered files, each applied once, in its own transaction, its checksum kept.
//!
//! Nodes are upgraded one by one, so the schema expands first and contracts later: a migration that only adds leaves
//! `min_program` as it was and older programs go on; one that takes something away raises `min_program` to the first
//! schema version whose program no longer needs it. A program refuses only a database that asks for a newer one.

use sha2::{Digest, Sha256};

use crate::OpenError;

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number; the highest is the program's schema version.
    pub number: i64,
    /// Its file's name without number and ending.
    pub name: &'static str,
    /// The lowest schema version that a program must have to use the database after this step.
    pub min_program: i64,
    /// Portable DDL: `text`, `bigint` and `bytes`, and no column of these names.
    pub sql: &'static str,
}

/// The schema of this program.
pub const MIGRATIONS: &[Migration] = &[
    Migration { number: 0, name: "store", min_program: 0, sql: include_str!("schema/0000_store.sql") },
    Migration { number: 1, name: "foundation", min_program: 0, sql: include_str!("schema/0001_foundation.sql") },
    Migration { number: 2, name: "user_lists", min_program: 0, sql: include_str!("schema/0002_user_lists.sql") },
];

/// Where the applied steps are kept; portable DDL.
pub(crate) const TABLE: &str = "create table if not exists schema_migrations (\n  number bigint not null primary key,\n  \
    name text not null,\n  checksum text not null,\n  min_program bigint not null,\n  applied_at bigint not null\n)";
/// Reads the applied steps.
pub(crate) const READ: &str = "select number, checksum, min_program from schema_migrations order by number";
/// Records a step: number, name, checksum, min_program, applied_at.
pub(crate) const RECORD: &str =
    "insert into schema_migrations (number, name, checksum, min_program, applied_at) values ($1, $2, $3, $4, $5)";

impl Migration {
    /// SHA-256 of the portable text, in hexadecimal.
    pub(crate) fn checksum(&self) -> String {
        hex::encode(Sha256::digest(self.sql))
    }

    /// The error of this step.
    pub(crate) fn failed(&self, reason: impl ToString) -> OpenError {
        OpenError::MigrationFailed { number: self.number, name: self.name.to_owned(), reason: reason.to_string() }
    }
}

/// A step that the database has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) number: i64,
    pub(crate) checksum: String,
    pub(crate) min_program: i64,
}

/// The steps of `known` that the database does not have yet, in order.
///
/// # Errors
/// [`OpenError::NewerProgram`] and [`OpenError::MigrationChanged`].
pub(crate) fn pending<'a>(known: &'a [Migration], applied: &[Applied]) -> Result<Vec<&'a Migration>, OpenError> {
    let this = known.iter().map(|step| step.number).max().unwrap_or(-1);
    let wanted = applied.iter().map(|step| step.min_program).max().unwrap_or(0);
    if wanted > this {
        return Err(OpenError::NewerProgram { wanted, this });
    }
    let mut missing = Vec::new();
    for step in known {
        match applied.iter().find(|other| other.number == step.number) {
            None => missing.push(step),
            Some(other) if other.checksum == step.checksum() => {}
            Some(_) => return Err(OpenError::MigrationChanged { number: step.number, name: step.name.to_owned() }),
        }
    }
    missing.sort_by_key(|step| step.number);
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Migration = Migration { number: 0, name: "a", min_program: 0, sql: "create table a (x text)" };
    const B: Migration = Migration { number: 1, name: "b", min_program: 0, sql: "create table b (x text)" };
    const C: Migration = Migration { number: 2, name: "c", min_program: 1, sql: "drop table a" };

    fn applied(steps: &[Migration]) -> Vec<Applied> {
        let of = |s: &Migration| Applied { number: s.number, checksum: s.checksum(), min_program: s.min_program };
        steps.iter().map(of).collect()
    }

    fn numbers(steps: Result<Vec<&Migration>, OpenError>) -> Vec<i64> {
        steps.unwrap().iter().map(|step| step.number).collect()
    }

    #[test]
    fn only_what_is_missing_runs_in_order() {
        assert_eq!(numbers(pending(&[B, A], &[])), [0, 1]);
        assert_eq!(numbers(pending(&[A, B, C], &applied(&[A]))), [1, 2]);
        assert_eq!(numbers(pending(&[A, B, C], &applied(&[A, C]))), [1]);
        assert_eq!(numbers(pending(&[A], &applied(&[A]))), [0_i64; 0]);
    }

    #[test]
    fn an_older_program_goes_on_until_the_database_asks_for_a_newer() {
        assert_eq!(numbers(pending(&[A, B], &applied(&[A, B, C]))), [0_i64; 0]);
        let refused = pending(&[A], &applied(&[A, B, C])).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the database needs a newer Cenote: it asks for schema version 1, this program has 0"
        );
    }

    #[test]
    fn a_changed_step_is_refused() {
        let changed = Migration { sql: "create table a (y text)", ..A };
        let error = pending(&[changed, B], &applied(&[A])).unwrap_err();
        assert_eq!(error, OpenError::MigrationChanged { number: 0, name: "a".into() });
    }

    #[test]
    fn the_program_counts_its_steps_from_zero_without_a_gap() {
        for (at, step) in (0_i64..).zip(MIGRATIONS) {
            assert_eq!(step.number, at);
            assert!(step.min_program <= step.number, "{}", step.name);
        }
    }
}
