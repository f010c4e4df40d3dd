//! User pools, in two layers. [`flows`] holds the rules: it speaks domain types and typed refusals, knows by which door
//! it was entered, and never sees a wire type nor issues a token. [`operations`] has one function for each cognito-idp
//! operation: it maps wire types, the app client's rules, Cognito's texts and the issue of tokens onto the flows.
//!
//! May touch: the store, keys and tokens, password hashing, the message queue.
//! Must never know: HTTP, signatures, pages, which database it runs on.

mod context;
pub mod directory;
pub mod domain;
mod flows;
mod gate;
mod limits;
mod operations;
mod service;
pub mod settings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use context::{Context, Deps, ServiceSettings};
pub use gate::AttemptGate;
pub use limits::{HashingLimits, Rate};
pub use operations::confirm_user::{ConfirmationLink, LinkOutcome};
pub use operations::reap;
pub use service::Service;
