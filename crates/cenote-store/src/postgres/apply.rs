//! A batch in one round trip: BEGIN, all statements and COMMIT are sent without waiting for an answer.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use deadpool_postgres::Object;
use futures_util::future::{MaybeDone, maybe_done};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Statement;

use super::errors::{Failure, Meaning};
use super::values;
use crate::batch::Expect;
use crate::sql::Memo;
use crate::{Batch, BatchError, Row};

/// How one try of a batch ended.
pub(super) enum Attempt {
    /// Committed, with the rows of each statement.
    Committed(Vec<Vec<Row>>),
    /// Not committed, and trying again is the caller's decision.
    Refused(BatchError),
    /// Not committed: lost against another transaction.
    Conflict(String),
    /// Not committed: this connection is of no use.
    Reconnect(String),
    /// The answer to COMMIT was not seen.
    Unknown(String),
}

/// What came back.
struct Answers {
    begin: Result<(), Failure>,
    statements: Vec<Result<Vec<Row>, Failure>>,
    end: Result<(), Failure>,
    /// Whether the end that was sent was COMMIT.
    committing: bool,
}

/// Tries the batch once.
pub(super) async fn attempt(client: &Object, memo: &Memo, batch: &Batch, deadline: Instant) -> Attempt {
    let prepared = match timeout_at(deadline, prepare(client, memo, batch)).await {
        Ok(Ok(prepared)) => prepared,
        Ok(Err((index, failure))) => return not_sent(index, &failure),
        Err(_) => return Attempt::Reconnect("the database does not answer in time".to_owned()),
    };
    match timeout_at(deadline, send(client, batch, &prepared)).await {
        Ok(answers) => judge(batch, answers),
        Err(_) => Attempt::Unknown("the database did not answer the commit in time".to_owned()),
    }
}

/// All statements prepared, and their parameters checked: once BEGIN is sent nothing may fail on this side, or the rest
/// of the batch would be committed without it.
async fn prepare(client: &Object, memo: &Memo, batch: &Batch) -> Result<Vec<Statement>, (usize, Failure)> {
    let mut prepared = Vec::with_capacity(batch.len());
    for (index, statement) in batch.statements().iter().enumerate() {
        let sql = match statement.expect {
            Expect::One(_) => &*memo.get(statement.sql, 1, expect_one),
            Expect::OneReturning(_) => &*memo.get(statement.sql, 2, expect_one_returning),
            Expect::Any => statement.sql,
        };
        let ready = client.prepare_cached(sql).await.map_err(|error| (index, error.into()))?;
        values::check(&ready, &statement.params).map_err(|failure| (index, failure))?;
        prepared.push(ready);
    }
    Ok(prepared)
}

/// A wrong number of rows becomes a division by zero, so that the server itself aborts the transaction.
fn expect_one(sql: &str) -> String {
    format!("with x as ({sql}\nreturning 1) select 1 / (case when count(*) = 1 then 1 else 0 end) from x")
}

/// The same with the rows: `e` fails or is 1, so the join gives exactly what was returned.
fn expect_one_returning(sql: &str) -> String {
    format!(
        "with x as ({sql}\n), e as (select 1 / (case when count(*) = 1 then 1 else 0 end) as ok from x) \
         select x.* from e left join x on e.ok = 1"
    )
}

async fn send(client: &Object, batch: &Batch, prepared: &[Statement]) -> Answers {
    let mut begin = Box::pin(maybe_done(async { Ok(client.batch_execute("begin").await?) }));
    if poll_once(&mut begin).await {
        // Nothing else is sent, so nothing can be committed.
        return Answers { begin: finish(begin).await, statements: Vec::new(), end: Ok(()), committing: false };
    }
    let mut running = Vec::with_capacity(prepared.len());
    let mut committing = true;
    for (statement, ready) in batch.statements().iter().zip(prepared) {
        let mut answer = Box::pin(maybe_done(values::run(client, ready, &statement.params)));
        let failed = poll_once(&mut answer).await;
        running.push(answer);
        if failed {
            committing = false;
            break;
        }
    }
    let mut end =
        Box::pin(maybe_done(async { Ok(client.batch_execute(if committing { "commit" } else { "rollback" }).await?) }));
    poll_once(&mut end).await;
    let begin = finish(begin).await;
    let mut statements = Vec::with_capacity(running.len());
    for answer in running {
        statements.push(finish(answer).await);
    }
    Answers { begin, statements, end: finish(end).await, committing }
}

/// Polls once, which sends the request: polled one after the other, requests are sent in this order (`join!` would
/// poll in any). Says whether it failed at once.
async fn poll_once<T, F: Future<Output = Result<T, Failure>>>(answer: &mut Pin<Box<MaybeDone<F>>>) -> bool {
    poll_fn(|context| {
        let _ = answer.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
    matches!(answer.as_mut().output_mut(), Some(Err(_)))
}

async fn finish<T, F: Future<Output = Result<T, Failure>>>(mut answer: Pin<Box<MaybeDone<F>>>) -> Result<T, Failure> {
    answer.as_mut().await;
    answer.as_mut().take_output().unwrap_or_else(|| Err(Failure::Value("the answer was taken twice".to_owned())))
}

/// A failure before BEGIN was sent.
fn not_sent(index: usize, failure: &Failure) -> Attempt {
    match failure.meaning() {
        Meaning::Reconnect | Meaning::Lost => Attempt::Reconnect(failure.to_string()),
        Meaning::Conflict => Attempt::Conflict(failure.to_string()),
        Meaning::Unavailable => Attempt::Refused(BatchError::Unavailable(failure.to_string())),
        Meaning::Violation | Meaning::Count | Meaning::Faulty => {
            Attempt::Refused(BatchError::Faulty { index, message: failure.to_string() })
        }
    }
}

/// COMMIT of an aborted transaction is answered like any other: the statements decide.
fn judge(batch: &Batch, answers: Answers) -> Attempt {
    let Answers { begin, statements, end, committing } = answers;
    if let Err(failure) = begin {
        return begin_failed(&failure, &statements, committing);
    }
    let mut rows = Vec::with_capacity(statements.len());
    for (index, answer) in statements.into_iter().enumerate() {
        match answer {
            Ok(returned) => rows.push(returned),
            Err(failure) if failure.is_consequence() => {}
            Err(failure) => return statement_failed(batch, index, &failure, committing),
        }
    }
    match end {
        Ok(()) if committing && rows.len() == batch.len() => {
            for (statement, returned) in batch.statements().iter().zip(&mut rows) {
                if matches!(statement.expect, Expect::One(_)) {
                    // The wrapper's own row.
                    returned.clear();
                }
            }
            Attempt::Committed(rows)
        }
        Ok(()) => Attempt::Reconnect("the transaction was aborted".to_owned()),
        Err(failure) if failure.commit_was_refused() && failure.meaning() == Meaning::Conflict => {
            Attempt::Conflict(failure.to_string())
        }
        Err(failure) if failure.commit_was_refused() => Attempt::Refused(BatchError::Unavailable(failure.to_string())),
        Err(failure) => Attempt::Unknown(failure.to_string()),
    }
}

fn begin_failed(failure: &Failure, statements: &[Result<Vec<Row>, Failure>], committing: bool) -> Attempt {
    // Without a transaction each statement that followed stood alone. BEGIN fails by itself only when an operator's
    // cancel meets it, but then the batch may be half done: nobody may take that for "not committed".
    if statements.iter().any(Result::is_ok) {
        tracing::error!(%failure, "BEGIN failed and statements after it did not");
        return Attempt::Unknown(failure.to_string());
    }
    match failure.meaning() {
        Meaning::Lost if committing => Attempt::Unknown(failure.to_string()),
        Meaning::Lost | Meaning::Reconnect => Attempt::Reconnect(failure.to_string()),
        _ => Attempt::Refused(BatchError::Unavailable(failure.to_string())),
    }
}

fn statement_failed(batch: &Batch, index: usize, failure: &Failure, committing: bool) -> Attempt {
    let expect = batch.statements().get(index).map_or(Expect::Any, |statement| statement.expect);
    match failure.meaning() {
        Meaning::Violation => Attempt::Refused(BatchError::Unmet { index, tag: expect.tag() }),
        Meaning::Count if expect != Expect::Any => Attempt::Refused(BatchError::Unmet { index, tag: expect.tag() }),
        Meaning::Conflict => Attempt::Conflict(failure.to_string()),
        Meaning::Lost if committing => Attempt::Unknown(failure.to_string()),
        Meaning::Lost | Meaning::Reconnect => Attempt::Reconnect(failure.to_string()),
        Meaning::Unavailable => Attempt::Refused(BatchError::Unavailable(failure.to_string())),
        Meaning::Count | Meaning::Faulty => {
            Attempt::Refused(BatchError::Faulty { index, message: failure.to_string() })
        }
    }
}
