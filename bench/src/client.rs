//! A bare HTTP/1.1 client: one kept connection, one request at a time, as little work as a client can do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{EACH, Failed};

/// A connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Result<Self, Failed> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a whole request and reads the whole answer: status and body.
    pub async fn send(&mut self, request: &[u8]) -> Result<(u16, Vec<u8>), Failed> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if let Some((status, start, length)) = head(&self.buffer)? {
                while self.buffer.len() < start + length {
                    self.read().await?;
                }
                return Ok((status, self.buffer.get(start..start + length).unwrap_or_default().to_vec()));
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), Failed> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}

/// Status, where the body starts, and its length; `None` while the head is incomplete.
fn head(received: &[u8]) -> Result<Option<(u16, usize, usize)>, Failed> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(received.get(..end).unwrap_or_default())?.to_ascii_lowercase();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status line")?;
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length:")).map_or(Ok(0), |n| n.trim().parse())?;
    Ok(Some((status, end + 4, length)))
}

/// A GET.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

/// An AWS JSON call without a signature.
pub fn call(operation: &str, body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: AWSCognitoIdentityProviderService.{operation}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Requests a second that `connections` clients get through, each sending the next of `requests` once the last is answered.
/// Every answer must be a 200.
pub async fn rate(address: SocketAddr, connections: usize, requests: Arc<Vec<Vec<u8>>>) -> Result<f64, Failed> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|connection| {
            let requests = Arc::clone(&requests);
            tokio::spawn(async move {
                let mut client = Client::connect(address).await?;
                let mut answered = 0_u64;
                let mine = requests.iter().skip(connection).step_by(connections).cycle();
                for request in mine.take_while(|_| begun.elapsed() < EACH) {
                    let (status, body) = client.send(request).await?;
                    if status != 200 {
                        return Err::<u64, Failed>(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
                    }
                    answered += 1;
                }
                Ok(answered)
            })
        })
        .collect();
    let mut answered = 0;
    for task in tasks {
        answered += task.await??;
    }
    Ok(answered as f64 / begun.elapsed().as_secs_f64())
}
