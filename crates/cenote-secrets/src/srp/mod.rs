//! SRP-6a as Cognito speaks it: a person, or a device, proves a password that is never sent (reference 04 §4 and §5).
//!
//! The server keeps a [`Verifier`]. A sign-in has two steps: to the client's A ([`ClientPublic`]) the server answers
//! with a [`Challenge`], and what comes back is a signature that [`check`] compares. Users and devices differ in names
//! only: a user's group is the part of the pool id after its first `_`, a device's is its DeviceGroupKey.
//!
//! Everything here is arithmetic without I/O: a verifier and a challenge take 0.2 ms of a core, [`check`] takes 2 ms.
//! Run them in a [`HeavyLane`](crate::HeavyLane), never on the threads that answer requests; reading and writing the
//! values takes microseconds. Times depend on nothing secret, with the one exception that the protocol itself makes:
//! numbers are hashed without their leading zero bytes.

mod challenge;
pub mod client;
mod group;
mod number;
mod proof;
mod table;
mod verifier;

use cenote_base::Fault;

pub use self::challenge::{Challenge, ClientPublic};
pub use self::proof::{Claim, check};
pub use self::verifier::Verifier;

/// Why a number of the protocol is refused. No message holds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrpError {
    /// The client's A is empty or has a character that is no hex digit.
    #[error("SRP_A is not a hexadecimal number")]
    NotHex,
    /// The client's A has more digits than N.
    #[error("SRP_A is too long")]
    TooLong,
    /// The client's A is 0 modulo N: everyone would know the key.
    #[error("SRP_A is 0 modulo N")]
    ZeroPublic,
    /// u is 0: the key would not depend on the verifier. It takes a broken hash function.
    #[error("the SRP scrambling parameter is 0")]
    ZeroScrambler,
    /// The salt is empty or longer than [`Verifier::MAX_SALT`].
    #[error("the SRP salt has no usable length")]
    Salt,
    /// The verifier is 0, or not less than N.
    #[error("the SRP verifier is out of range")]
    Verifier,
    /// Stored or sealed bytes are not what was stored.
    #[error("the stored SRP values can't be read: {0}")]
    Unreadable(&'static str),
}

impl SrpError {
    /// Whose fault it is. Salt and verifier are a caller's where a device brings them.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NotHex | Self::TooLong | Self::ZeroPublic | Self::ZeroScrambler | Self::Salt | Self::Verifier => {
                Fault::Caller
            }
            Self::Unreadable(_) => Fault::Cenote,
        }
    }
}

#[cfg(test)]
mod tests;
