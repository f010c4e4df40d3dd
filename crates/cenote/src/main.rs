//! The program. What it does is in the library beside it, where tests reach it.

use std::process::ExitCode;

/// Many small JSON values are made and dropped for each request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cenote::run(std::env::args_os())
}
