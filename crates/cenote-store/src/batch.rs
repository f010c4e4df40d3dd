//! Writes: statements that take effect together or not at all, each with what it expects.

use crate::Value;

/// The tag of a unique or foreign-key violation in a statement that named no expectation ([`Batch::any`]).
pub const CONSTRAINT: &str = "Constraint";

/// What must be true of a statement's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Exactly one row is written, else the batch fails with this tag.
    One(&'static str),
    /// Exactly one row is written and comes back.
    OneReturning(&'static str),
    /// Any number of rows.
    Any,
}

impl Expect {
    /// What a violated constraint of this statement is reported as.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::One(tag) | Self::OneReturning(tag) => tag,
            Self::Any => CONSTRAINT,
        }
    }
}

/// Where a batch waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Somebody waits for the answer: goes first.
    Interactive,
    /// Sweeps, imports, jobs: one batch of each group at least, more while nothing interactive waits.
    Background,
}

/// One statement of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) sql: &'static str,
    pub(crate) params: Vec<Value>,
    pub(crate) expect: Expect,
}

/// Statements that are committed together, or none of them.
///
/// SQL is written once for both engines, with parameters `$1`, `$2` … It contains no reads: identifiers and times are
/// made by the caller, what was read is guarded by the `where` of a row that the batch itself writes (a version, an
/// owner, `n < limit`), by a unique key or by a foreign key. Keep one order in every batch (by table, then by key, the
/// contended row first), or concurrent batches will wait for each other in a circle.
///
/// A unique or foreign-key violation counts as the statement's unmet expectation, so give each statement one meaning.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    statements: Vec<Statement>,
}

impl Batch {
    /// A batch without statements.
    pub fn new() -> Self {
        Self::default()
    }

    /// A statement that must change exactly one row; else the batch fails with `tag`. Without `returning`.
    #[must_use]
    pub fn one(self, sql: &'static str, params: Vec<Value>, tag: &'static str) -> Self {
        self.push(sql, params, Expect::One(tag))
    }

    /// A statement that ends in `returning …` and must change exactly one row, which comes back.
    #[must_use]
    pub fn one_returning(self, sql: &'static str, params: Vec<Value>, tag: &'static str) -> Self {
        self.push(sql, params, Expect::OneReturning(tag))
    }

    /// A statement that may change any number of rows. Rows that it returns (`returning …`) come back.
    #[must_use]
    pub fn any(self, sql: &'static str, params: Vec<Value>) -> Self {
        self.push(sql, params, Expect::Any)
    }

    /// This batch's statements, then the other's.
    #[must_use]
    pub fn extend(mut self, other: Self) -> Self {
        self.statements.extend(other.statements);
        self
    }

    /// Whether there is no statement.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// How many statements there are.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
    }

    fn push(mut self, sql: &'static str, params: Vec<Value>, expect: Expect) -> Self {
        self.statements.push(Statement { sql, params, expect });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    #[test]
    fn statements_keep_their_order() {
        let tail = Batch::new().any("c", params![]);
        let batch = Batch::new().one("a", params![1_i64], "A").one_returning("b", params![], "B").extend(tail);
        let seen: Vec<_> = batch.statements().iter().map(|s| (s.sql, s.expect.tag())).collect();
        assert_eq!(seen, [("a", "A"), ("b", "B"), ("c", CONSTRAINT)]);
        assert_eq!(batch.len(), 3);
        assert!(!batch.is_empty() && Batch::new().is_empty());
    }
}
