//! Why the generator stops.

use std::path::PathBuf;

/// Why the generator stops.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A model is not the pinned one.
    #[error("{}: sha256 is {found}, pinned is {pinned}", path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// What it has.
        found: String,
        /// What it should have.
        pinned: String,
    },
    /// A model or a configuration file does not parse.
    #[error("{}: {error}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// A model says something that the generator does not understand; guessing would give wrong code.
    #[error("{service}: {what}")]
    Model {
        /// The service.
        service: String,
        /// What is not understood.
        what: String,
    },
    /// An override that changes nothing is one for another model.
    #[error("overrides.toml: {0}")]
    Override(String),
    /// The tree differs from a fresh run.
    #[error("the generated files are not what a fresh run gives: {0}; run wiregen without --check")]
    Stale(String),
}
