//! `errors.rs`: one table of every error.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::names;
use crate::overrides::Overrides;
use crate::service::Service;

/// The table.
pub fn file(services: &[Service], overrides: &Overrides) -> Result<String, Error> {
    let mut table: BTreeMap<&str, (u16, &str)> = BTreeMap::new();
    for service in services {
        for (name, server) in &service.errors {
            // The models' own status is not what the wire shows.
            let entry = if *server { (500, "Cenote") } else { (400, "Caller") };
            let known = *table.entry(name).or_insert(entry);
            if known != entry {
                return Err(service.refuse(format!("{name} has different faults in two models")));
            }
        }
    }
    for given in overrides.error.iter().chain(&overrides.front_end_error) {
        table.insert(&given.name, (given.status, &given.fault));
    }
    let mut text = super::header("Every error: name, status, whose fault it is.");
    text.push_str("crate::macros::errors! {\n");
    for (name, (status, fault)) in table {
        let variant = names::error(name);
        let constructor = names::snake(variant);
        text.push_str(&format!("    {variant} = \"{name}\", {status}, {fault}, {constructor};\n"));
    }
    text.push_str("}\n");
    Ok(text)
}
