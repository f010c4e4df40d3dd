//! A bare HTTP/1.1 client: one kept connection, one request at a time, as little work as a client can do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cpu::{self, Measured};
use crate::{EACH, Failed};

/// The content type of AWS JSON.
pub const TYPE: &str = "application/x-amz-json-1.1";

/// A connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Result<Self, Failed> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a whole request and reads the whole answer.
    pub async fn send(&mut self, request: &[u8]) -> Result<Answer, Failed> {
        let head = self.exchange(request).await?;
        let text = std::str::from_utf8(self.buffer.get(..head.end).unwrap_or_default())?;
        let pair =
            |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        let headers = text.lines().filter_map(pair).collect();
        let body = self.buffer.get(head.end..head.end + head.length).unwrap_or_default().to_vec();
        Ok(Answer { status: head.status, headers, body })
    }

    /// Sends a whole request and reads the whole answer, which stays in the buffer.
    async fn exchange(&mut self, request: &[u8]) -> Result<Head, Failed> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            self.read().await?;
            if let Some(head) = Head::of(&self.buffer)? {
                while self.buffer.len() < head.end + head.length {
                    self.read().await?;
                }
                return Ok(head);
            }
        }
    }

    async fn read(&mut self) -> Result<(), Failed> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}

/// What must be known of an answer's head.
struct Head {
    status: u16,
    /// Where the body starts.
    end: usize,
    /// The body's length.
    length: usize,
}

impl Head {
    /// `None` while the head is incomplete.
    fn of(received: &[u8]) -> Result<Option<Self>, Failed> {
        let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(received.get(..end).unwrap_or_default())?;
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status line")?;
        let length_of = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse())
        };
        let length = text.lines().find_map(length_of).unwrap_or(Ok(0))?;
        Ok(Some(Self { status, end: end + 4, length }))
    }
}

/// A GET.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

/// An AWS JSON call without a signature.
pub fn call(operation: &str, body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: {TYPE}\r\n\
         x-amz-target: AWSCognitoIdentityProviderService.{operation}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What the process `pid`, which listens at `address`, answers to `connections` clients, each sending the next of
/// `requests` once the last is answered. Every answer must be a 200.
pub async fn rate(
    pid: u32,
    address: SocketAddr,
    connections: usize,
    requests: Arc<Vec<Vec<u8>>>,
) -> Result<Measured, Failed> {
    cpu::measure(pid, answered(address, connections, requests)).await
}

async fn answered(address: SocketAddr, connections: usize, requests: Arc<Vec<Vec<u8>>>) -> Result<u64, Failed> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|connection| {
            let requests = Arc::clone(&requests);
            tokio::spawn(async move {
                let mut client = Client::connect(address).await?;
                let mut answered = 0_u64;
                let mine = requests.iter().skip(connection).step_by(connections).cycle();
                for request in mine.take_while(|_| begun.elapsed() < EACH) {
                    let status = client.exchange(request).await?.status;
                    if status != 200 {
                        return Err::<u64, Failed>(
                            format!("{status}: {}", String::from_utf8_lossy(&client.buffer)).into(),
                        );
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
    Ok(answered)
}

/// How long each of the answers to a request took that is sent again and again for [`EACH`], in ascending order. Every
/// answer must be a 200.
pub async fn latencies(address: SocketAddr, request: &[u8]) -> Result<Vec<Duration>, Failed> {
    let (mut client, begun) = (Client::connect(address).await?, Instant::now());
    let mut took = Vec::new();
    while begun.elapsed() < EACH {
        let sent = Instant::now();
        let status = client.exchange(request).await?.status;
        if status != 200 {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&client.buffer)).into());
        }
        took.push(sent.elapsed());
    }
    took.sort_unstable();
    Ok(took)
}
