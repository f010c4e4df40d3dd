//! The settings of user pools and app clients as the API takes, completes, checks, stores and shows them (reference 02, 08).
//!
//! Pure: a request and what is stored go in, the new settings or the exact refusal come out. What rules read of them is
//! parsed in `domain`.

pub(crate) mod client;
mod document;
pub(crate) mod pool;

pub(crate) use document::Document;
