//! A mail server on the loopback address that keeps what it is given and answers as a test tells it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

/// Where in the exchange the sink is about to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Greeting,
    Ehlo,
    /// It speaks of STARTTLS, in clear.
    StartTls,
    Auth,
    Noop,
    Mail,
    Rcpt,
    Data,
    Message,
}

/// When the sink speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte.
    Implicit,
    /// After STARTTLS, which it offers.
    StartTls,
}

/// The only user of the sink, and the words of AUTH PLAIN and of AUTH LOGIN that prove it, in base64.
pub const USER: (&str, &str) = ("mailuser", "hunter2");
const AUTH_PLAIN: &str = "AUTH PLAIN AG1haWx1c2VyAGh1bnRlcjI=";
const AUTH_LOGIN: [&str; 2] = ["bWFpbHVzZXI=", "aHVudGVyMg=="];

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
    tls: Option<(Tls, TlsAcceptor)>,
    extensions: &'static [&'static str],
    script: Mutex<VecDeque<(At, Say)>>,
    taken: Mutex<Vec<Taken>>,
    commands: Mutex<Vec<String>>,
    commands_in_clear: Mutex<Vec<String>>,
    connections: Mutex<usize>,
    arrived: mpsc::UnboundedSender<()>,
}

impl Sink {
    pub async fn start() -> Self {
        Self::with(&["8BITMIME"]).await
    }

    pub async fn with(extensions: &'static [&'static str]) -> Self {
        Self::open(extensions, None).await
    }

    /// A sink that speaks TLS with this certificate.
    pub async fn encrypted(tls: Tls, acceptor: TlsAcceptor, extensions: &'static [&'static str]) -> Self {
        Self::open(extensions, Some((tls, acceptor))).await
    }

    async fn open(extensions: &'static [&'static str], tls: Option<(Tls, TlsAcceptor)>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            tls,
            extensions,
            script: Mutex::default(),
            taken: Mutex::default(),
            commands: Mutex::default(),
            commands_in_clear: Mutex::default(),
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

    /// What the sink was told without TLS.
    pub fn commands_in_clear(&self) -> Vec<String> {
        self.state.commands_in_clear.lock().unwrap().clone()
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

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}
type Lines = BufReader<Box<dyn Stream>>;

/// One connection, until it ends in any way.
async fn serve(state: Arc<State>, stream: TcpStream) -> Option<()> {
    let mut lines: Lines = match &state.tls {
        Some((Tls::Implicit, acceptor)) => BufReader::new(Box::new(acceptor.accept(stream).await.ok()?)),
        _ => BufReader::new(Box::new(stream)),
    };
    let mut in_clear = !matches!(state.tls, Some((Tls::Implicit, _)));
    let mut mail = Taken::default();
    state.answer(At::Greeting, &mut lines, "220 sink\r\n").await?;
    loop {
        let line = state.command(&mut lines, in_clear).await?;
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => state.answer(At::Ehlo, &mut lines, &state.capabilities(in_clear)).await?,
            "STARTTLS" => {
                let (_, acceptor) = state.tls.as_ref().filter(|_| in_clear)?;
                state.answer(At::StartTls, &mut lines, "220 go ahead\r\n").await?;
                let stream: Box<dyn Stream> = Box::new(acceptor.accept(lines.into_inner()).await.ok()?);
                (lines, in_clear) = (BufReader::new(stream), false);
            }
            "AUTH" => state.authenticate(&mut lines, &line, in_clear).await?,
            "NOOP" => state.answer(At::Noop, &mut lines, "250 here\r\n").await?,
            "MAIL" => {
                mail.from = line;
                state.answer(At::Mail, &mut lines, "250 fine\r\n").await?;
            }
            "RCPT" => {
                mail.to = line;
                state.answer(At::Rcpt, &mut lines, "250 fine\r\n").await?;
            }
            "DATA" => {
                state.answer(At::Data, &mut lines, "354 go on\r\n").await?;
                read_message(&mut lines, &mut mail).await?;
                state.arrived.send(()).ok()?;
                state.answer(At::Message, &mut lines, "250 taken\r\n").await?;
                state.taken.lock().unwrap().push(std::mem::take(&mut mail));
            }
            "QUIT" => {
                lines.write_all(b"221 bye\r\n").await.ok()?;
                return Some(());
            }
            _ => lines.write_all(b"502 what\r\n").await.ok()?,
        }
        lines.flush().await.ok()?;
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
    /// The next line of the client's, kept; what comes in clear is marked.
    async fn command(&self, lines: &mut Lines, in_clear: bool) -> Option<String> {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (all, clear) = (&self.commands, &self.commands_in_clear);
        all.lock().unwrap().push(line.clone());
        if in_clear {
            clear.lock().unwrap().push(line.clone());
        }
        Some(line)
    }

    /// AUTH PLAIN with its words at once, AUTH LOGIN with a question for each.
    async fn authenticate(&self, lines: &mut Lines, command: &str, in_clear: bool) -> Option<()> {
        let mut right = command == AUTH_PLAIN;
        if command == "AUTH LOGIN" {
            right = true;
            for (question, answer) in ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"].into_iter().zip(AUTH_LOGIN) {
                lines.write_all(question.as_bytes()).await.ok()?;
                lines.flush().await.ok()?;
                right &= self.command(lines, in_clear).await? == answer;
            }
        }
        let verdict = if right { "235 welcome\r\n" } else { "535 5.7.8 who are you\r\n" };
        self.answer(At::Auth, lines, verdict).await
    }

    fn capabilities(&self, in_clear: bool) -> String {
        let mut lines: Vec<String> = self.extensions.iter().map(|name| format!("250-{name}\r\n")).collect();
        if in_clear && matches!(self.tls, Some((Tls::StartTls, _))) {
            lines.push("250-STARTTLS\r\n".into());
        }
        lines.push("250 HELP\r\n".into());
        format!("250-sink\r\n{}", lines.concat())
    }

    /// Agrees, or does what the script has next for this place. None ends the connection.
    async fn answer(&self, at: At, out: &mut Lines, agreement: &str) -> Option<()> {
        let say = {
            let mut script = self.script.lock().unwrap();
            let next = script.iter().position(|(place, _)| *place == at);
            next.and_then(|index| script.remove(index)).map(|(_, say)| say)
        };
        let text = match say {
            None => agreement,
            Some(Say::Answer(text)) => {
                out.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
                out.flush().await.ok()?;
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
        out.write_all(text.as_bytes()).await.ok()?;
        out.flush().await.ok()
    }
}
