//! One function for each operation of cognito-idp: wire types in, wire types out. What a rule decides stands in
//! [`crate::flows`]; here stand the app client's rules (SECRET_HASH, allowed flows), Cognito's texts and the issue of
//! tokens.

pub(crate) mod attributes;
pub(crate) mod audit;
pub(crate) mod caller;
pub(crate) mod clients;
mod configuration;
pub(crate) mod confirm_user;
mod cursor;
pub(crate) mod errors;
pub(crate) mod lifecycle;
pub(crate) mod list_users;
pub(crate) mod passwords;
pub(crate) mod pools;
pub(crate) mod profile;
pub mod reap;
pub(crate) mod refresh;
pub(crate) mod sign_in;
pub(crate) mod sign_up;
pub(crate) mod tokens;
pub(crate) mod users;
