//! A mail server on the loopback address that keeps what it is given and answers as a test tells it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// Where in the exchange the sink is about to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Greeting,
    Ehlo,
    Auth,
    Noop,
    Mail,
    Rcpt,
    Data,
    Message,
}

/// What it does there, once, instead of agreeing.
pub enum Say {
    Answer(&'static str),
    /// Waits for ever.
    Nothing,
    /// Closes the connection.
    Close,
    /// Waits for the signal, then agrees.
    After(oneshot::Receiver<()>),
}

/// A message that the sink took, or was about to take.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    pub from: String,
    pub to: String,
    /// The lines as they came over the wire, without the last dot.
    pub wire: Vec<u8>,
    /// The message: dots removed.
    pub message: Vec<u8>,
}

pub struct Sink {
    pub port: u16,
    state: Arc<State>,
    arrivals: mpsc::UnboundedReceiver<()>,
    accepting: tokio::task::JoinHandle<()>,
}

struct State {
    extensions: &'static [&'static str],
    script: Mutex<VecDeque<(At, Say)>>,
    taken: Mutex<Vec<Taken>>,
    commands: Mutex<Vec<String>>,
    connections: Mutex<usize>,
    arrived: mpsc::UnboundedSender<()>,
}

impl Sink {
    pub async fn start() -> Self {
        Self::with(&["8BITMIME"]).await
    }

    pub async fn with(extensions: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            extensions,
            script: Mutex::default(),
            taken: Mutex::default(),
            commands: Mutex::default(),
            connections: Mutex::default(),
            arrived,
        });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *shared.connections.lock().unwrap() += 1;
                tokio::spawn(serve(Arc::clone(&shared), stream));
            }
        });
        Self { port, state, arrivals, accepting }
    }

    /// The next time the sink comes to `at`, it does this; several are done in their order.
    pub fn next(&self, at: At, say: Say) {
        self.state.script.lock().unwrap().push_back((at, say));
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.state.taken.lock().unwrap().clone()
    }

    pub fn commands(&self) -> Vec<String> {
        self.state.commands.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        *self.state.connections.lock().unwrap()
    }

    /// Waits until one more message has come whole, answered or not.
    pub async fn arrival(&mut self) {
        self.arrivals.recv().await.unwrap();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One connection, until it ends in any way.
async fn serve(state: Arc<State>, stream: TcpStream) -> Option<()> {
    let (reading, mut out) = stream.into_split();
    let mut lines = BufReader::new(reading);
    let mut mail = Taken::default();
    state.answer(At::Greeting, &mut out, "220 sink\r\n").await?;
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        state.commands.lock().unwrap().push(line.clone());
        match verb.as_str() {
            "EHLO" => state.answer(At::Ehlo, &mut out, &state.capabilities()).await?,
            "AUTH" => state.answer(At::Auth, &mut out, "235 welcome\r\n").await?,
            "NOOP" => state.answer(At::Noop, &mut out, "250 here\r\n").await?,
            "MAIL" => {
                mail.from = line;
                state.answer(At::Mail, &mut out, "250 fine\r\n").await?;
            }
            "RCPT" => {
                mail.to = line;
                state.answer(At::Rcpt, &mut out, "250 fine\r\n").await?;
            }
            "DATA" => {
                state.answer(At::Data, &mut out, "354 go on\r\n").await?;
                read_message(&mut lines, &mut mail).await?;
                state.arrived.send(()).ok()?;
                state.answer(At::Message, &mut out, "250 taken\r\n").await?;
                state.taken.lock().unwrap().push(std::mem::take(&mut mail));
            }
            "QUIT" => {
                out.write_all(b"221 bye\r\n").await.ok()?;
                return Some(());
            }
            _ => out.write_all(b"502 what\r\n").await.ok()?,
        }
    }
}

/// RFC 5321 §4.5.2: a dot alone ends the message, another leading dot is dropped.
async fn read_message(lines: &mut (impl AsyncBufReadExt + Unpin), mail: &mut Taken) -> Option<()> {
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        if line == b".\r\n" {
            return Some(());
        }
        mail.wire.extend_from_slice(&line);
        mail.message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

impl State {
    fn capabilities(&self) -> String {
        let mut lines: Vec<String> = self.extensions.iter().map(|name| format!("250-{name}\r\n")).collect();
        lines.push("250 HELP\r\n".into());
        format!("250-sink\r\n{}", lines.concat())
    }

    /// Agrees, or does what the script has next for this place. None ends the connection.
    async fn answer(&self, at: At, out: &mut OwnedWriteHalf, agreement: &str) -> Option<()> {
        let say = {
            let mut script = self.script.lock().unwrap();
            let next = script.iter().position(|(place, _)| *place == at);
            next.and_then(|index| script.remove(index)).map(|(_, say)| say)
        };
        let text = match say {
            None => agreement,
            Some(Say::Answer(text)) => {
                out.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
                // A refused message is not kept: the caller goes on with a new one.
                return if at == At::Message || at == At::Data { None } else { Some(()) };
            }
            Some(Say::Nothing) => std::future::pending().await,
            Some(Say::Close) => return None,
            Some(Say::After(signal)) => {
                signal.await.ok()?;
                agreement
            }
        };
        out.write_all(text.as_bytes()).await.ok()
    }
}
