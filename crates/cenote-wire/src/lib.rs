//! The wire: every shape of the AWS APIs that Cenote answers, and the protocols that carry them.
//!
//! Owns: the generated structures, enumerations, constraints, operations and errors of `cognito-idp` and
//! `cognito-identity`; AWS JSON 1.1; AWS's words for violated constraints and wrong types. The generated part is written
//! by `tools/wiregen` from the service models and never edited by hand.
//! May touch: bytes and text, nothing else. No I/O.
//! Must never know: HTTP types, storage, user pools and their rules, who the caller is.
//!
//! ```
//! use cenote_wire::{Target, idp, json, target};
//!
//! let target = target::parse("AWSCognitoIdentityProviderService.ListUserPools")?;
//! assert_eq!(target, Target::Idp(idp::Operation::ListUserPools));
//!
//! let input: idp::ListUserPoolsRequest = json::decode(br#"{"MaxResults":10}"#)?;
//! assert_eq!(input.max_results, Some(10));
//!
//! let error = json::decode::<idp::ListUserPoolsRequest>(b"{}").unwrap_err();
//! assert_eq!(error.code.wire_name(), "InvalidParameterException");
//!
//! let answer = idp::ListUserPoolsResponse { user_pools: Some(Vec::new()), ..Default::default() };
//! assert_eq!(json::encode(&answer), br#"{"UserPools":[]}"#);
//! # Ok::<(), cenote_wire::ApiError>(())
//! ```

pub mod api;
mod container;
pub mod error;
mod generated;
pub mod json;
mod macros;
pub mod mismatch;
pub mod rule;
#[cfg(test)]
mod sample;
mod scalar;
pub mod sensitive;
pub mod shape;
pub mod target;
pub mod values;
pub mod violations;

pub use api::{Api, Auth, OperationVisitor, Service, ServiceOperation};
pub use cenote_base::Timestamp;
pub use error::{ApiError, ErrorCode};
pub use generated::{identity, idp};
pub use sensitive::Sensitive;
pub use shape::{Empty, Shape, Structure, Validate, required};
pub use target::Target;
pub use values::{Blob, Document};
pub use violations::{Path, Violations};
