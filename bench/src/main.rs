//! `make bench`: what Cenote does in a second, each figure beside the physical limit measured in the same run on the same
//! machine. Machines are shared and noisy: compare the ratios, not the rates. Nothing here passes or fails.
//!
//! `cenote-bench [program [figure…]]`: without figures, all of them.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

mod batches;
mod client;
mod cpu;
mod distinguish;
mod flood;
mod http;
mod program;
mod report;
mod sign_in;
mod srp;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::program::Program;

/// How long each figure is measured.
const EACH: Duration = Duration::from_secs(5);
/// How many users there are, except where it is said.
const USERS: usize = 16;
/// Bounds: from the start of the process to the first answer that it is ready, in milliseconds.
const READY: f64 = 50.0;
/// Anonymous memory when nothing has happened yet, and after all figures, in MiB.
const IDLE: f64 = 20.0;
const LOADED: f64 = 60.0;

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    let done = if first.as_deref() == Some("bare-server") {
        http::bare_server(arguments.next().and_then(|length| length.parse().ok()).unwrap_or(0))
    } else {
        run(first.map_or_else(|| PathBuf::from("target/release/cenote"), PathBuf::from), &Wanted(arguments.collect()))
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the benchmark did not finish: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The figures that are asked for by name; none means all.
struct Wanted(Vec<String>);

impl Wanted {
    fn has(&self, figure: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|wanted| wanted == figure)
    }
}

/// `program`: the release build of Cenote.
fn run(program: PathBuf, wanted: &Wanted) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores, {} s for each figure; ratios count, rates depend on the machine\n", EACH.as_secs());
    if wanted.has("store") {
        runtime.block_on(batches::sqlite())?;
        match std::env::var("BENCH_POSTGRES_URL") {
            Ok(url) => runtime.block_on(batches::postgres(&url))?,
            Err(_) => println!("grouped batches on PostgreSQL: not measured, BENCH_POSTGRES_URL is not set\n"),
        }
    }
    let mut server = Program::start(&program)?;
    report::line("start to ready, new database", &format!("{} ms", server.ready_after.as_millis()));
    server.restart()?;
    report::bounded("start to ready, existing database", 1000.0 * server.ready_after.as_secs_f64(), "ms", READY);
    report::bounded("anonymous memory, idle", server.anonymous_mib()?, "MiB", IDLE);
    println!();
    runtime.block_on(figures(&server, wanted))?;
    report::bounded("anonymous memory, after the load", server.anonymous_mib()?, "MiB", LOADED);
    Ok(())
}

async fn figures(server: &Program, wanted: &Wanted) -> Result<(), Failed> {
    let pool = server.create_pool().await?;
    server.create_users(&pool, USERS).await?;
    if wanted.has("jwks") {
        http::jwks(server, &pool).await?;
    }
    if wanted.has("get-user") {
        http::get_user(server, &pool).await?;
    }
    if wanted.has("refresh") {
        sign_in::by_refresh(server, &pool).await?;
    }
    if wanted.has("password") {
        sign_in::by_password(server, &pool).await?;
    }
    if wanted.has("srp") {
        srp::by_srp(server, &pool).await?;
    }
    if wanted.has("flood") {
        flood::flood(server, &pool).await?;
    }
    distinguish::distinguish(server, wanted).await
}
