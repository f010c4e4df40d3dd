//! What every room of Cenote shares and nobody owns: time, randomness, secrets in memory, typed identifiers,
//! and the one notion of whose fault an error is.
//!
//! May touch: nothing but the operating system's clock and random source, each in one place.
//! Must never know: storage, HTTP, AWS shapes, user pools.

pub mod clock;
pub mod fault;
pub mod ids;
pub mod random;
pub mod secret;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use fault::Fault;
pub use ids::{AccountId, Arn, ClientId, InvalidId, PoolId, Region, Sub};
pub use random::{Random, RandomExt, SeededRandom, SystemRandom};
pub use secret::{Secret, SecretBytes};
