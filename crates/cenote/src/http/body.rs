//! Reads a request's body within bounds of size and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::budget::Account;
use super::doors::Arriving;

/// How long a body may take in all.
const DEADLINE: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read and thrown away.
const DRAINED: usize = 16 * 1024 * 1024;
/// How long that may take.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More than the bound.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// Slower than the bound.
    #[error("the body did not arrive within {} seconds", DEADLINE.as_secs())]
    TooSlow,
    /// The bodies of all requests together are as large as they may be.
    #[error("the bodies of all requests together fill their budget")]
    NoRoom,
    /// The client went away in the middle, or broke the protocol.
    #[error("the body broke off")]
    BrokeOff,
}

/// Reads a body of at most `most` bytes, which the account then holds.
pub async fn read(
    headers: &HeaderMap,
    body: impl Arriving,
    most: usize,
    account: &mut Account,
) -> Result<Bytes, BodyError> {
    read_until(headers, body, most, account, Instant::now() + DEADLINE).await
}

async fn read_until(
    headers: &HeaderMap,
    mut body: impl Arriving,
    most: usize,
    account: &mut Account,
    deadline: Instant,
) -> Result<Bytes, BodyError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > most)) {
        // A client that waits for "100 Continue" sends nothing more.
        if !headers.contains_key(EXPECT) {
            drain(body, 0).await;
        }
        return Err(BodyError::TooLarge(most));
    }
    let read = keep(&mut body, most, account, deadline).await;
    if let Err((error @ (BodyError::TooLarge(_) | BodyError::NoRoom), so_far)) = read {
        // What follows is not kept, so others may have the room meanwhile.
        account.close();
        drain(body, so_far).await;
        return Err(error);
    }
    read.map_err(|(error, _)| error)
}

/// The body, or what went wrong after how many bytes.
async fn keep(
    body: &mut impl Arriving,
    most: usize,
    account: &mut Account,
    deadline: Instant,
) -> Result<Bytes, (BodyError, usize)> {
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    let mut so_far = 0;
    loop {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| (BodyError::TooSlow, so_far))?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| (BodyError::BrokeOff, so_far))?.into_data() else { continue };
        if data.len() > most - so_far {
            return Err((BodyError::TooLarge(most), so_far));
        }
        if !account.take(data.len()) {
            return Err((BodyError::NoRoom, so_far));
        }
        // Nearly every body is one frame, which is then not copied.
        if so_far == 0 {
            first = data;
            so_far = first.len();
            continue;
        }
        so_far += data.len();
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// Throws the rest of a body away: most clients send all of it before they look at the answer, and would see only a
/// reset connection if it was closed under them.
async fn drain(mut body: impl Arriving, mut read: usize) {
    let deadline = Instant::now() + DRAIN_DEADLINE;
    while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > DRAINED {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::stream;

    use super::*;
    use crate::http::budget::Budget;
    use crate::listener::Allowance;

    fn account() -> Account {
        Budget::for_bodies(0).account(Allowance::default())
    }

    fn pieces(pieces: &[&'static str]) -> Body {
        let pieces: Vec<Result<_, std::io::Error>> =
            pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        Body::from_stream(stream::iter(pieces))
    }

    async fn read_pieces(parts: &[&'static str], most: usize) -> Result<Bytes, BodyError> {
        read(&HeaderMap::new(), pieces(parts), most, &mut account()).await
    }

    #[tokio::test]
    async fn bodies_are_read_whole() {
        for (parts, whole) in [(&[][..], ""), (&["abc"], "abc"), (&["a", "", "bc", "d"], "abcd")] {
            assert_eq!(read_pieces(parts, 4).await.unwrap(), whole);
        }
    }

    #[tokio::test]
    async fn the_bound_is_the_last_size_that_passes() {
        assert_eq!(read_pieces(&["ab", "cd"], 4).await.unwrap(), "abcd");
        assert_eq!(read_pieces(&["ab", "cde"], 4).await, Err(BodyError::TooLarge(4)));
        assert_eq!(read_pieces(&["abcde"], 4).await, Err(BodyError::TooLarge(4)));
    }

    #[tokio::test]
    async fn an_announced_length_is_refused_before_it_is_read() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, "5".parse().unwrap());
        headers.insert(EXPECT, "100-continue".parse().unwrap());
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read(&headers, never, 4, &mut account()).await, Err(BodyError::TooLarge(4)));
        headers.insert(CONTENT_LENGTH, u64::MAX.to_string().parse().unwrap());
        assert_eq!(read(&headers, pieces(&["x"]), 4, &mut account()).await, Err(BodyError::TooLarge(4)));
    }

    #[tokio::test]
    async fn a_body_that_stops_is_given_up() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let read = read_until(&HeaderMap::new(), never, 4, &mut account(), Instant::now()).await;
        assert_eq!(read, Err(BodyError::TooSlow));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_an_error() {
        let broken = stream::iter([Ok(Bytes::from_static(b"a")), Err(std::io::Error::other("reset"))]);
        let read = read(&HeaderMap::new(), Body::from_stream(broken), 4, &mut account()).await;
        assert_eq!(read, Err(BodyError::BrokeOff));
    }
}
