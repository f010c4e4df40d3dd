//! Keys and tokens: the master key, data keys and sealed values; signing keys, JSON Web Tokens and their JWKS; token
//! families, refresh tokens, and the one check "is this access token, and its user, still good?" for every door.
//!
//! May touch: the store's tables of keys, token families, users and pools (reading), the instance's check value.
//! Must never know: HTTP, AWS shapes, passwords, which texts a refusal has on the wire.

pub mod access;
pub mod claims;
mod crypto;
pub mod families;
pub mod jwks;
pub mod jws;
pub mod keyring;
mod loads;
pub mod master;
mod pool_keys;
pub mod refresh;
mod seal;
pub mod signing;
mod stock;
mod verified;

pub use access::{AccessCheck, AccessContext, AccessTokenError};
pub use claims::{AccessClaims, Claims, Group, IdClaims, Identity, Issue, Readable};
pub use crypto::CryptoFailed;
pub use families::{SignIn, Turn, USER_ADMIN_SCOPE};
pub use jws::Flaw;
pub use keyring::{KeyFamily, Keyring, KeyringError, Purpose, Scope};
pub use master::{InvalidMasterKey, MasterKey};
pub use refresh::{Admitted, Presented, RefreshClaims, RefreshError, RefreshTokens};
pub use signing::{Expect, JWKS_MAX_AGE, SigningError, SigningKeys, TokenError, TokenUse};
