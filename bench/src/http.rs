//! What is read most often, beside a bare server that receives and sends as many bytes: a pool's key set and GetUser.

use std::convert::Infallible;
use std::io::BufRead as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;

use crate::program::{Child, Pool, Program, text};
use crate::sign_in::sign_in;
use crate::{Failed, client, report};

const CONNECTIONS: usize = 32;

/// The key set.
pub async fn jwks(server: &Program, pool: &Pool) -> Result<(), Failed> {
    let request = client::get(&format!("/{}/.well-known/jwks.json", pool.id));
    beside_bare(server, "JWKS (32 connections)", vec![request; CONNECTIONS], 70).await
}

/// GetUser, with an access token for each connection.
pub async fn get_user(server: &Program, pool: &Pool) -> Result<(), Failed> {
    let mut requests = Vec::new();
    for connection in 0..CONNECTIONS {
        let user = connection % crate::USERS;
        let tokens = server.send(&sign_in(pool, user)).await?;
        requests.push(get_user_request(&text(&tokens, "/AuthenticationResult/AccessToken")?));
    }
    beside_bare(server, "GetUser (32 connections, 16 users)", requests, 30).await
}

/// GetUser with this access token.
pub fn get_user_request(token: &str) -> Vec<u8> {
    client::call("GetUser", &json!({ "AccessToken": token }))
}

async fn beside_bare(server: &Program, what: &str, requests: Vec<Vec<u8>>, goal: u32) -> Result<(), Failed> {
    let first = requests.first().ok_or("nothing to send")?;
    let answer = client::Client::connect(server.address).await?.send(first).await?;
    if answer.status != 200 {
        return Err(format!("{what}: {}", answer.status).into());
    }
    let requests = Arc::new(requests);
    let rate = client::rate(server.pid(), server.address, CONNECTIONS, Arc::clone(&requests)).await?;
    let bare = Bare::start(answer.body.len())?;
    let limit = client::rate(bare.child.0.id(), bare.address, CONNECTIONS, requests).await?;
    report::per_core(what, rate, "a bare hyper server, as many bytes", limit, goal);
    Ok(())
}

/// The bare server, in a process of its own.
struct Bare {
    child: Child,
    address: SocketAddr,
}

impl Bare {
    fn start(length: usize) -> Result<Self, Failed> {
        let bare = Command::new(std::env::current_exe()?)
            .args(["bare-server", &length.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut child = Child(bare);
        let mut address = String::new();
        if let Some(out) = child.0.stdout.take() {
            std::io::BufReader::new(out).read_line(&mut address)?;
        }
        Ok(Self { child, address: address.trim().parse()? })
    }
}

/// Reads every request to its end and answers it with `length` bytes, until it is killed.
pub fn bare_server(length: usize) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let body = Bytes::from(vec![b'x'; length]);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let body = body.clone();
            let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                let body = body.clone();
                async move {
                    // A body that breaks off ends its connection, and the client says so.
                    let _ = request.into_body().collect().await;
                    Ok::<_, Infallible>(Response::new(Full::new(body)))
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    })
}
