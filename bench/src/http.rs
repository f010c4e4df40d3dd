//! A pool's key set a second, beside a bare server that sends as many bytes.

use std::convert::Infallible;
use std::io::BufRead as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::program::{Child, Program};
use crate::{Failed, client, report};

const CONNECTIONS: usize = 32;

/// Measures both.
pub async fn jwks(server: &Program) -> Result<(), Failed> {
    let pool = server.create_pool()?;
    let path = format!("/{}/.well-known/jwks.json", pool.id);
    let (status, body) = client::Client::connect(server.address).await?.send(&client::get(&path)).await?;
    if status != 200 {
        return Err(format!("{path}: {status}").into());
    }
    let requests = Arc::new(vec![client::get(&path); CONNECTIONS]);
    let rate = client::rate(server.address, CONNECTIONS, Arc::clone(&requests)).await?;

    let mut bare = Command::new(std::env::current_exe()?)
        .args(["bare-server", &body.len().to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut address = String::new();
    if let Some(out) = bare.stdout.take() {
        std::io::BufReader::new(out).read_line(&mut address)?;
    }
    let _stopped_when_done = Child(bare);
    let limit = client::rate(address.trim().parse()?, CONNECTIONS, requests).await?;
    report::ratio("JWKS (32 connections)", rate, "a bare hyper server, as many bytes", limit);
    Ok(())
}

/// Answers every request with `length` bytes until it is killed.
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
            let answer = service_fn(move |_: Request<hyper::body::Incoming>| {
                let body = body.clone();
                async move { Ok::<_, Infallible>(Response::new(Full::new(body))) }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    })
}
