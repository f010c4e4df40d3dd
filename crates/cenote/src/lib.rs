//! The program: command line, configuration, wiring, listeners and the runner of background jobs. It holds no rule of
//! Amazon Cognito; those live in the rooms that it wires together.
//!
//! May touch: the process (arguments, environment, signals, sockets, the data directory) and every room's public door.
//! Must never know: how a pool, a token or a password works. HTTP types stop in [`http`].

mod background;
mod banner;
pub mod cli;
pub mod config;
pub mod data_dir;
mod descriptors;
pub mod first_start;
pub mod http;
pub mod in_flight;
pub mod jobs;
mod lasting;
pub mod listener;
mod log;
pub mod operations;
mod private;
mod readiness;
pub mod rooms;
mod run;
mod serve;
pub mod services;

pub use run::run;
