//! The keyring, signing keys and tokens over a real store.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail as tests do"
)]

mod access;
mod keyring;
mod refresh;
mod signing;
mod verified;
mod world;
