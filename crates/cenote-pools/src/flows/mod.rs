//! The rules of signing up, signing in and administering users. No wire type, no text of an answer, no token is made
//! here.

pub(crate) mod admin;
pub(crate) mod aliases;
pub(crate) mod change_password;
pub(crate) mod codes;
pub(crate) mod credentials;
pub(crate) mod find;
pub(crate) mod hourly;
pub(crate) mod lifecycle;
pub(crate) mod links;
pub(crate) mod list;
pub(crate) mod messages;
pub(crate) mod new_password;
pub(crate) mod new_user;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod public_codes;
pub(crate) mod recovery;
pub(crate) mod refusal;
pub(crate) mod session;
pub(crate) mod sign_in;
pub(crate) mod sign_up;
pub(crate) mod simulated;
pub(crate) mod srp;
pub(crate) mod supported;
pub(crate) mod verification;
pub(crate) mod write;

use std::net::IpAddr;

pub(crate) use refusal::Refusal;

/// By which door a flow was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// A public operation: anybody who knows the client's id.
    Api,
    /// A signed operation.
    Admin,
}

/// How a flow was entered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// By which door.
    pub door: Door,
    /// From which address.
    pub source: IpAddr,
}
