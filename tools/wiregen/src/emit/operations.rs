//! `operations.rs`: one entry per operation.

use crate::names;
use crate::service::Service;

/// The table.
pub fn file(service: &Service) -> String {
    let mut text = super::header("The operations: types, credentials, declared errors.");
    text.push_str("use super::*;\n\n");
    text.push_str(&format!("crate::macros::operations! {{\n    crate::api::Service::{};\n", service.pin.variant));
    for (name, operation) in &service.operations {
        let output = operation.output.as_deref().unwrap_or("Empty");
        text.push_str(&format!("    {name}({}) -> {output}, {}, [\n", operation.input, operation.auth));
        let mut line = String::from("        ");
        for error in &operation.errors {
            let error = names::error(error);
            if line.len() + error.len() + 2 > super::WIDTH {
                text.push_str(line.trim_end());
                text.push('\n');
                line = String::from("        ");
            }
            line.push_str(&format!("{error}, "));
        }
        text.push_str(line.trim_end());
        text.push_str("\n    ];\n");
    }
    text.push_str("}\n");
    text.replace("use super::*;\n\n", "use super::*;\nuse crate::shape::Empty;\n\n")
}
