//! The log: one line per event on standard error, text or JSON, Cenote's own targets at the chosen level and those of
//! libraries at `warn`, whatever is chosen: below that, libraries show requests, statements and messages with all that is
//! in them. Nothing in the environment changes it.

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogFormat, LogSettings};

/// Sets the log up for the whole program, panics included.
pub fn init(settings: LogSettings) -> Result<(), TryInitError> {
    let registry = tracing_subscriber::registry().with(filter(settings.level));
    let layer = fmt::layer().with_writer(std::io::stderr);
    match settings.format {
        LogFormat::Text => registry.with(layer.with_ansi(false)).try_init()?,
        LogFormat::Json => {
            registry.with(layer.json().flatten_event(true).with_current_span(true).with_span_list(false)).try_init()?;
        }
    }
    std::panic::set_hook(Box::new(|panic| {
        // Inside a request the span around it names the request id.
        let location = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(target: "cenote::panic", "panicked at {location}: {}", panic_text(panic.payload()));
    }));
    Ok(())
}

fn filter(level: Level) -> Targets {
    // Every crate of Cenote has a target that begins with "cenote".
    let libraries = LevelFilter::from_level(level.min(Level::WARN));
    Targets::new().with_default(libraries).with_target("cenote", level)
}

/// What a panic said.
pub fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_stay_quiet() {
        let filter = filter(Level::DEBUG);
        assert!(filter.would_enable("cenote_store::sqlite", &Level::DEBUG));
        assert!(filter.would_enable("cenote::request", &Level::DEBUG));
        assert!(!filter.would_enable("hyper::proto", &Level::INFO));
        assert!(filter.would_enable("hyper::proto", &Level::WARN));
        let filter = super::filter(Level::ERROR);
        assert!(!filter.would_enable("hyper::proto", &Level::WARN));
        assert!(!filter.would_enable("cenote", &Level::WARN));
    }

    #[test]
    fn libraries_that_see_secrets_stay_quiet_at_every_level() {
        // The bodies of requests, the values of statements, e-mails, the secrets of TLS connections.
        let seeing =
            ["hyper", "h2", "axum", "tokio_postgres", "deadpool_postgres", "rusqlite", "lettre", "rustls", "log"];
        for level in [Level::TRACE, Level::DEBUG, Level::INFO] {
            let filter = filter(level);
            for target in seeing {
                assert!(!filter.would_enable(target, &Level::INFO), "{target} {level}");
            }
            assert!(filter.would_enable("cenote_pools", &level));
        }
    }

    #[test]
    fn panics_of_both_forms_are_readable() {
        assert_eq!(panic_text(&"plain"), "plain");
        assert_eq!(panic_text(&String::from("formatted")), "formatted");
        assert_eq!(panic_text(&7), "a panic without a message");
    }
}
