//! The accept loop on real sockets. Nothing here waits for a length of time: each test waits for what must happen.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use cenote::listener::{Answers, BindError, Connection, Limits, bind, serve};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(50);

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    done: JoinHandle<usize>,
}

/// Answers every request with a text.
#[derive(Clone)]
struct Says(Arc<dyn Fn(Connection) -> BoxFuture<'static, String> + Send + Sync>);

impl Says {
    fn new<F: Future<Output = String> + Send + 'static>(
        says: impl Fn(Connection) -> F + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |connection| says(connection).boxed()))
    }
}

impl Answers for Says {
    type Answer = BoxFuture<'static, Response<Body>>;

    fn answer(&self, _: Request<Incoming>, connection: &Connection) -> Self::Answer {
        self.0(connection.clone()).map(|text| Response::new(Body::from(text))).boxed()
    }
}

async fn start(says: Says, limits: Limits) -> Server {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let done = tokio::spawn(serve(listener, says, limits, stop.clone()));
    Server { address, stop, done }
}

fn limits() -> Limits {
    Limits { first_request: LONG, idle: LONG, crowded: LONG, ..Limits::new(8, LONG) }
}

fn hello() -> Says {
    Says::new(|connection| async move { connection.peer.to_string() })
}

async fn send(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
}

/// Reads one answer with a body of known length.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    loop {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).await.unwrap(), 1, "closed after {:?}", String::from_utf8_lossy(&text));
        text.push(byte[0]);
        let so_far = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = so_far.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase();
            let length = length.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
            if body.len() == length.parse::<usize>().unwrap() {
                return so_far;
            }
        }
    }
}

async fn read_to_close(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// Answers once it may leave; tells when a request has come in.
fn held() -> (Says, Arc<Notify>, Arc<Notify>) {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tells, waits) = (entered.clone(), leave.clone());
    let says = Says::new(move |_| {
        let (tells, waits) = (tells.clone(), waits.clone());
        async move {
            tells.notify_one();
            waits.notified().await;
            "finished".to_owned()
        }
    });
    (says, entered, leave)
}

#[tokio::test]
async fn answers_and_names_the_peer() {
    let server = start(hello(), limits()).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..2 {
        send(&mut client).await;
        let answer = read_answer(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with(&client.local_addr().unwrap().to_string()));
    }
}

#[tokio::test]
async fn a_used_address_is_named() {
    let server = start(hello(), limits()).await;
    let error = bind(server.address).await.unwrap_err();
    assert!(matches!(error, BindError::InUse(address) if address == server.address));
    assert!(error.to_string().contains(&server.address.to_string()));
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight_and_takes_no_more() {
    let (says, entered, leave) = held();
    let server = start(says, limits()).await;
    let mut waiting = TcpStream::connect(server.address).await.unwrap();
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    send(&mut waiting).await;
    entered.notified().await;

    server.stop.cancel();
    assert_eq!(read_to_close(&mut idle).await, "");
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.done.is_finished());
    leave.notify_one();
    assert!(read_to_close(&mut waiting).await.ends_with("finished"));
    assert_eq!(server.done.await.unwrap(), 0);
}

#[tokio::test]
async fn a_stop_cuts_what_outlasts_the_grace() {
    let entered = Arc::new(Notify::new());
    let says = {
        let entered = entered.clone();
        Says::new(move |_| {
            let entered = entered.clone();
            async move {
                entered.notify_one();
                std::future::pending().await
            }
        })
    };
    let server = start(says, Limits { grace: SHORT, ..limits() }).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    send(&mut client).await;
    entered.notified().await;
    server.stop.cancel();
    assert_eq!(server.done.await.unwrap(), 1);
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let server = start(hello(), Limits { first_request: SHORT, ..limits() }).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(read_to_close(&mut silent).await, "");
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    assert_eq!(read_to_close(&mut slow).await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_answer() {
    let server = start(hello(), Limits { idle: SHORT, ..limits() }).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    send(&mut client).await;
    assert!(read_to_close(&mut client).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_later_request_whose_head_does_not_end_is_given_up() {
    let server = start(hello(), Limits { idle: SHORT, ..limits() }).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost:").await.unwrap();
    let answers = read_to_close(&mut slow).await;
    assert_eq!(answers.matches("HTTP/1.1").count(), 1, "{answers}");
}

#[tokio::test]
async fn one_connection_too_many_waits_for_its_turn() {
    let server = start(hello(), Limits { connections: 1, ..limits() }).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    send(&mut first).await;
    read_answer(&mut first).await;
    let mut second = TcpStream::connect(server.address).await.unwrap();
    send(&mut second).await;
    // The first still works while the second waits.
    send(&mut first).await;
    read_answer(&mut first).await;
    assert!(second.try_read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    drop(first);
    assert!(read_answer(&mut second).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn idle_connections_make_room_for_those_that_wait() {
    let server = start(hello(), Limits { connections: 2, crowded: SHORT, ..limits() }).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    send(&mut idle).await;
    read_answer(&mut idle).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    // Nobody waits yet: the idle connection is still there.
    send(&mut idle).await;
    read_answer(&mut idle).await;
    let mut third = TcpStream::connect(server.address).await.unwrap();
    send(&mut third).await;
    assert!(read_answer(&mut third).await.starts_with("HTTP/1.1 200 OK"));
    let mut fourth = TcpStream::connect(server.address).await.unwrap();
    send(&mut fourth).await;
    assert!(read_answer(&mut fourth).await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!((read_to_close(&mut idle).await, read_to_close(&mut silent).await), (String::new(), String::new()));
}

#[tokio::test]
async fn a_peer_with_too_many_connections_is_refused_at_once() {
    let server = start(hello(), Limits { per_peer: 1, unbounded: Vec::new(), ..limits() }).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    send(&mut first).await;
    read_answer(&mut first).await;
    let mut second = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(read_to_close(&mut second).await, "");
    send(&mut first).await;
    read_answer(&mut first).await;
    drop(first);
    // Its place is free once the server has seen the end of it.
    loop {
        let mut third = TcpStream::connect(server.address).await.unwrap();
        let sent = third.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        let mut text = String::new();
        if sent.is_ok() && third.read_to_string(&mut text).await.is_ok() && text.starts_with("HTTP/1.1 200 OK") {
            break;
        }
    }
}

/// Says when it begins and when it is given up; it never ends by itself.
fn never(entered: &Arc<Notify>, given_up: &Arc<Notify>) -> Says {
    struct GivenUp(Arc<Notify>);

    impl Drop for GivenUp {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }

    let (entered, given_up) = (Arc::clone(entered), Arc::clone(given_up));
    Says::new(move |_| {
        let (entered, given_up) = (Arc::clone(&entered), GivenUp(Arc::clone(&given_up)));
        async move {
            entered.notify_one();
            let _given_up = given_up;
            std::future::pending().await
        }
    })
}

#[tokio::test]
async fn an_answer_is_given_up_when_its_client_goes_away() {
    let (entered, given_up) = (Arc::default(), Arc::default());
    let server = start(never(&entered, &given_up), limits()).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    send(&mut client).await;
    entered.notified().await;
    drop(client);
    given_up.notified().await;
    // Over HTTP/2 with its connection, or alone.
    for goes in [true, false] {
        let mut client = get_over_http_2(&server).await;
        entered.notified().await;
        if goes {
            drop(client);
            given_up.notified().await;
            continue;
        }
        // RST_STREAM, CANCEL.
        client.write_all(&frame(3, 0, 1, &[0, 0, 0, 8])).await.unwrap();
        given_up.notified().await;
    }
}

#[tokio::test]
async fn http_2_has_the_same_bounds() {
    let server = start(hello(), Limits { first_request: SHORT, ..limits() }).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    silent.write_all(&preface()).await.unwrap();
    silent.read_to_end(&mut Vec::new()).await.unwrap();
    let server = start(hello(), Limits { idle: SHORT, ..limits() }).await;
    let mut idle = get_over_http_2(&server).await;
    assert_eq!(read_frame(&mut idle, 1).await[0], 0x88);
    idle.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight_over_http_2() {
    let (says, entered, leave) = held();
    let server = start(says, limits()).await;
    let mut client = get_over_http_2(&server).await;
    entered.notified().await;
    server.stop.cancel();
    // GOAWAY: the client is told before the answer is there.
    read_frame(&mut client, 7).await;
    assert!(!server.done.is_finished());
    leave.notify_one();
    assert_eq!(read_frame(&mut client, 0).await, b"finished");
    drop(client);
    assert_eq!(server.done.await.unwrap(), 0);
}

#[tokio::test]
async fn http_2_is_spoken_with_prior_knowledge() {
    let server = start(hello(), limits()).await;
    let mut client = get_over_http_2(&server).await;
    let headers = read_frame(&mut client, 1).await;
    assert_eq!(headers[0], 0x88, "`:status: 200` of the static table");
    let body = read_frame(&mut client, 0).await;
    assert_eq!(String::from_utf8(body).unwrap(), client.local_addr().unwrap().to_string());
}

/// What a client of HTTP/2 begins with: the preface, and SETTINGS.
fn preface() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    bytes
}

/// A new connection with one request.
async fn get_over_http_2(server: &Server) -> TcpStream {
    let mut client = TcpStream::connect(server.address).await.unwrap();
    let mut bytes = preface();
    // `:method: GET`, `:scheme: http`, `:path: /` from HPACK's static table, `:authority: x` as a literal.
    bytes.extend(frame(1, 0x4 | 0x1, 1, &[0x82, 0x86, 0x84, 0x41, 0x01, b'x']));
    client.write_all(&bytes).await.unwrap();
    client
}

/// A frame of RFC 9113, section 4.1.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
    bytes.extend(payload);
    bytes
}

/// The payload of the next frame of a kind.
async fn read_frame(stream: &mut TcpStream, kind: u8) -> Vec<u8> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == kind {
            return payload;
        }
    }
}
