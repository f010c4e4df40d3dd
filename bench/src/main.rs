//! `make bench`: what Cenote does in a second, each figure beside the physical limit measured in the same run on the same
//! machine. Machines are shared and noisy: compare the ratios, not the rates. Nothing here passes or fails.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

mod batches;
mod client;
mod http;
mod program;
mod report;
mod sign_in;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How long each figure is measured.
const EACH: Duration = Duration::from_secs(5);

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    let done = if first.as_deref() == Some("bare-server") {
        http::bare_server(arguments.next().and_then(|length| length.parse().ok()).unwrap_or(0))
    } else {
        run(first.map_or_else(|| PathBuf::from("target/release/cenote"), PathBuf::from))
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the benchmark did not finish: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `program`: the release build of Cenote.
fn run(program: PathBuf) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores, {} s for each figure; ratios count, rates depend on the machine\n", EACH.as_secs());
    runtime.block_on(batches::sqlite())?;
    match std::env::var("BENCH_POSTGRES_URL") {
        Ok(url) => runtime.block_on(batches::postgres(&url))?,
        Err(_) => println!("grouped batches on PostgreSQL: not measured, BENCH_POSTGRES_URL is not set\n"),
    }
    let server = program::Program::start(&program)?;
    report::line("start to ready", &format!("{} ms", server.ready_after.as_millis()));
    report::line("resident memory, idle", &format!("{:.1} MiB", server.resident_mib()?));
    println!();
    runtime.block_on(http::jwks(&server))?;
    runtime.block_on(sign_in::by_password(&server))?;
    report::line("resident memory, after the load", &format!("{:.1} MiB", server.resident_mib()?));
    Ok(())
}
