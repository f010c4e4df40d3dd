//! Who calls, and may they: access keys, signatures of AWS Signature Version 4, authorisation.
//!
//! Owns: the verification of signatures over a plain struct, the sources of access keys, root credentials, the decision
//! whether a caller may do something.
//! May touch: cenote-base, aws-lc-rs, the credentials file in the data directory.
//! Must never know: HTTP types, the shapes of operations, user pools.

pub mod access_key;
pub mod authorize;
pub mod credentials;
pub mod keys;
pub mod sigv4;

pub use access_key::{AccessKey, InvalidAccessKey};
pub use authorize::{Denied, authorize};
pub use credentials::CredentialsError;
pub use keys::{FoundKey, KeySource, KeySourceError, KeySources, Principal, PrincipalKind, RootCredentials};
