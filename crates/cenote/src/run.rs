//! From arguments to exit code: 0 for a server that was told to stop, 1 for one that could not run, 2 for a command line
//! or a configuration that is wrong. Each failure is one line on standard error.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::{self, Given, Invocation};
use crate::config::{self, ConfigError, Layers, Settings};
use crate::{log, operations, rooms, serve};

const FAILED: u8 = 1;
const MISCONFIGURED: u8 = 2;
/// What shells report for a program that was interrupted.
const INTERRUPTED: u8 = 130;

/// Does what the arguments (program name first) ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match cli::parse(arguments) {
        Ok(Invocation::Serve(given)) => match settings(given) {
            Ok((settings, _)) => start(settings),
            Err(error) => fail(MISCONFIGURED, &error),
        },
        Ok(Invocation::ConfigCheck(given)) => match settings(given) {
            Ok((settings, layers)) => print(&config::describe(&settings, &layers)),
            Err(error) => fail(MISCONFIGURED, &error),
        },
        Ok(Invocation::ConfigReference) => print(&config::reference()),
        Ok(Invocation::Operations(format)) => print(&operations::list(format, rooms::is_implemented)),
        Ok(Invocation::Print(text)) => print(&text),
        Err(line) => fail(MISCONFIGURED, &line),
    }
}

fn settings(given: Given) -> Result<(Settings, Layers), ConfigError> {
    let layers = Layers::collect(given.flags, std::env::vars_os(), given.file, Path::new("."))?;
    Ok((Settings::parse(&layers)?, layers))
}

fn start(settings: Settings) -> ExitCode {
    if let Err(error) = log::init(settings.log) {
        return fail(FAILED, &error);
    }
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(FAILED, &format_args!("cannot start threads: {error}")),
    };
    let code = runtime.block_on(async {
        let (terminate, interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
            (Err(error), _) | (_, Err(error)) => {
                return fail(FAILED, &format_args!("cannot listen for signals: {error}"));
            }
        };
        let stop = CancellationToken::new();
        tokio::select! {
            served = serve::serve(settings, stop.clone()) => match served {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(FAILED, &error),
            },
            () = two_signals(terminate, interrupt, stop) => ExitCode::from(INTERRUPTED),
        }
    });
    // Nothing that still runs holds the process back: whatever was acknowledged is on the disk.
    runtime.shutdown_background();
    code
}

/// The first signal asks the server to stop, the second ends this.
async fn two_signals(mut terminate: Signal, mut interrupt: Signal, stop: CancellationToken) {
    let mut next = async || tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} };
    next().await;
    tracing::info!("stopping: what is in flight is finished; a second signal ends at once");
    stop.cancel();
    next().await;
    tracing::warn!("ended by a second signal");
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // `cenote operations | head` has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(FAILED, &format_args!("cannot write to standard output: {error}")),
    }
}

fn fail(code: u8, reason: &dyn std::fmt::Display) -> ExitCode {
    // One line, whatever the reason is made of; where standard error is closed there is nobody to tell.
    let line = reason.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(io::stderr(), "cenote: {line}");
    ExitCode::from(code)
}
