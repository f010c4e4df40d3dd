//! The secrets that people and apps prove themselves with: password policy, password hashing, SRP, SECRET_HASH, one-time
//! codes.
//!
//! Owns: the rules of these secrets, the threads that hash passwords and the lane for other heavy arithmetic.
//! May touch: cenote-base, aws-lc-rs, Argon2, crypto-bigint.
//! Must never know: storage, HTTP, AWS shapes, who is signing in.

pub mod codes;
mod compare;
pub mod hashing;
pub mod lane;
pub mod policy;
pub mod secret_hash;
pub mod srp;

pub use compare::ct_eq;
pub use hashing::{HashError, HashingConfig, HashingParams, PasswordHasher, StartError, Verdict};
pub use lane::{HeavyLane, LaneError};
pub use policy::{PasswordPolicy, PolicyViolation};
