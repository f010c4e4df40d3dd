//! A connection that is read one line at a time.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How much is read from the network at a time.
const CHUNK: usize = 4096;

/// Gives no more than a line at each read, however much has come.
///
/// lettre reads answers through a buffer that it keeps when STARTTLS turns the connection into a TLS connection: what
/// somebody on the way appends to the server's clear `220` would be taken for the answers to what is sent encrypted. On
/// this stream the buffer is empty after an answer, so that whatever else came in clear goes to the TLS handshake, which
/// fails by it. Lines that are cut inside of TLS records do no harm.
#[derive(Debug)]
pub(super) struct Lines<S> {
    stream: S,
    /// What came and was not given yet; may hold answers, never what was sent.
    came: Vec<u8>,
    given: usize,
}

impl<S> Lines<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, came: Vec::new(), given: 0 }
    }

    /// Gives of what came at most one line.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let rest = self.came.get(self.given..).unwrap_or_default();
        let line = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        let length = line.min(buffer.remaining());
        buffer.put_slice(rest.get(..length).unwrap_or_default());
        self.given += length;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lines<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.given == this.came.len() {
            this.came.resize(CHUNK, 0);
            this.given = CHUNK;
            let mut chunk = ReadBuf::new(&mut this.came);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut chunk))?;
            let length = chunk.filled().len();
            this.came.truncate(length);
            this.given = 0;
        }
        this.give(buffer);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lines<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Lines<TcpStream> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt;

    use super::*;

    /// Each read's bytes, into a buffer of this size.
    async fn reads(bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
        let (mut lines, mut found) = (Lines::new(bytes), Vec::new());
        let mut buffer = vec![0; size];
        loop {
            match lines.read(&mut buffer).await.unwrap() {
                0 => return found,
                length => found.push(buffer[..length].to_vec()),
            }
        }
    }

    #[tokio::test]
    async fn a_read_ends_with_its_line() {
        assert_eq!(reads(b"220 go\r\n250 evil\r\nx", 100).await, [&b"220 go\r\n"[..], b"250 evil\r\n", b"x"]);
        assert_eq!(reads(b"220 go\r\n250", 4).await, [&b"220 "[..], b"go\r\n", b"250"]);
        assert!(reads(b"", 4).await.is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_read_crosses_a_line(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..9_000),
            size in 1usize..5_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let found = runtime.block_on(reads(&bytes, size));
            for read in &found {
                prop_assert!(!read[..read.len() - 1].contains(&b'\n'));
            }
            prop_assert_eq!(found.concat(), bytes);
        }
    }
}
