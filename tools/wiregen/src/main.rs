//! Writes the generated part of `cenote-wire` from AWS's service models.
//!
//! `cargo run -p wiregen -- --models DIR` writes it, `--check` compares it with what is in the tree. `DIR` is the `data`
//! folder of a botocore installation; the files' hashes are pinned in `models/pins.toml`. What the models say wrong or
//! not at all stands in `models/overrides.toml`, which file a shape goes to in `models/resources.toml`. Only names,
//! types and constraints are carried over, none of the models' prose.

mod emit;
mod error;
mod model;
mod names;
mod overrides;
mod pattern;
mod service;
mod source;
mod tree;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::error::Error;
use crate::overrides::Overrides;
use crate::service::Service;

/// Writes the generated part of cenote-wire from AWS's service models.
#[derive(Debug, Parser)]
struct Arguments {
    /// The `data` folder of the pinned botocore release.
    #[arg(long, value_name = "DIR")]
    models: PathBuf,
    /// Where the generated files are.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing; fail when a fresh run would give anything else than what is there.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(said) => {
            // Nobody listening is no reason to fail.
            let _ = writeln!(std::io::stdout(), "{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "wiregen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<String, Error> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let configuration = home.join("models");
    let overrides = Overrides::read(&configuration.join("overrides.toml"))?;
    let resources = source::resources(&configuration.join("resources.toml"))?;
    let mut services = Vec::new();
    for pin in source::pins(&configuration.join("pins.toml"))? {
        let model = source::model(&arguments.models, &configuration, &pin)?;
        services.push(Service::build(pin, model, &overrides, &resources)?);
    }
    overrides.check_all_used(&services)?;
    let files = emit::files(&services, &overrides)?;
    let out = arguments.out.clone().unwrap_or_else(|| home.join("../../crates/cenote-wire/src/generated"));
    if arguments.check { tree::compare(&out, &files) } else { tree::write(&out, &files) }
}
