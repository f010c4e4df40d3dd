//! The secrets that people and apps prove themselves with: password policy, password hashing, SECRET_HASH, one-time
//! codes.
//!
//! Owns: the rules of these secrets and the threads that hash passwords.
//! May touch: cenote-base, aws-lc-rs, Argon2.
//! Must never know: storage, HTTP, AWS shapes, who is signing in.

pub mod codes;
mod compare;
pub mod hashing;
pub mod policy;
pub mod secret_hash;

pub use compare::ct_eq;
pub use hashing::{HashError, HashingConfig, HashingParams, PasswordHasher, StartError, Verdict};
pub use policy::{PasswordPolicy, PolicyViolation};
