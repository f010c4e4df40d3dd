//! Reads a request's body within bounds of size and time.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

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
    /// The client went away in the middle, or broke the protocol.
    #[error("the body broke off")]
    BrokeOff,
}

/// Reads a body of at most `most` bytes.
pub async fn read(headers: &HeaderMap, body: Body, most: usize) -> Result<Bytes, BodyError> {
    read_until(headers, body, most, Instant::now() + DEADLINE).await
}

async fn read_until(headers: &HeaderMap, mut body: Body, most: usize, deadline: Instant) -> Result<Bytes, BodyError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > most)) {
        // A client that waits for "100 Continue" sends nothing more.
        if !headers.contains_key(EXPECT) {
            drain(body, 0).await;
        }
        return Err(BodyError::TooLarge(most));
    }
    let mut first = None;
    let mut rest = BytesMut::new();
    loop {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| BodyError::TooSlow)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| BodyError::BrokeOff)?.into_data() else { continue };
        let so_far = first.as_ref().map_or(0, Bytes::len) + rest.len();
        if data.len() > most - so_far {
            drain(body, so_far).await;
            return Err(BodyError::TooLarge(most));
        }
        // Nearly every body is one frame, which is then not copied.
        if first.is_none() {
            first = Some(data);
        } else {
            rest.extend_from_slice(&data);
        }
    }
    match first {
        Some(first) if rest.is_empty() => Ok(first),
        Some(first) => {
            let mut whole = BytesMut::with_capacity(first.len() + rest.len());
            whole.extend_from_slice(&first);
            whole.extend_from_slice(&rest);
            Ok(whole.freeze())
        }
        None => Ok(Bytes::new()),
    }
}

/// Throws the rest of a body away: most clients send all of it before they look at the answer, and would see only a
/// reset connection if it was closed under them.
async fn drain(mut body: Body, mut read: usize) {
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
    use futures_util::stream;

    use super::*;

    fn pieces(pieces: &[&'static str]) -> Body {
        let pieces: Vec<Result<_, std::io::Error>> =
            pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        Body::from_stream(stream::iter(pieces))
    }

    async fn read_pieces(parts: &[&'static str], most: usize) -> Result<Bytes, BodyError> {
        read(&HeaderMap::new(), pieces(parts), most).await
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
        assert_eq!(read(&headers, never, 4).await, Err(BodyError::TooLarge(4)));
        headers.insert(CONTENT_LENGTH, u64::MAX.to_string().parse().unwrap());
        assert_eq!(read(&headers, pieces(&["x"]), 4).await, Err(BodyError::TooLarge(4)));
    }

    #[tokio::test]
    async fn a_body_that_stops_is_given_up() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read_until(&HeaderMap::new(), never, 4, Instant::now()).await, Err(BodyError::TooSlow));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_an_error() {
        let broken = stream::iter([Ok(Bytes::from_static(b"a")), Err(std::io::Error::other("reset"))]);
        assert_eq!(read(&HeaderMap::new(), Body::from_stream(broken), 4).await, Err(BodyError::BrokeOff));
    }
}
