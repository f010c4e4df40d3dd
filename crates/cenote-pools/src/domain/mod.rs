//! What the rules speak of: pools, app clients and users as types. No wire types.

pub mod client;
pub mod filter;
pub mod pool;
pub mod schema;
pub mod user;
