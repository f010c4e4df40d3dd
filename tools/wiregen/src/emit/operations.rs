//! `operations.rs`: one entry per operation.

use crate::names;
use crate::service::Service;

/// The table.
pub fn file(service: &Service) -> String {
    let mut text = super::header("The operations: types, credentials, declared errors.");
    text.push_str("use super::*;\nuse crate::shape::Empty;\n\n");
    text.push_str(&format!("crate::macros::operations! {{\n    crate::api::Service::{};\n", service.pin.variant));
    for (name, operation) in &service.operations {
        let output = operation.output.as_deref().unwrap_or("Empty");
        text.push_str(&format!("    {name}({}) -> {output}, {}, [", operation.input, operation.auth));
        let mut room = 0;
        for error in &operation.errors {
            let error = format!("{},", names::error(error));
            if room > error.len() {
                text.push(' ');
                room -= error.len() + 1;
            } else {
                text.push_str("\n        ");
                room = super::WIDTH - 8 - error.len();
            }
            text.push_str(&error);
        }
        text.push_str(if operation.errors.is_empty() { "];\n" } else { "\n    ];\n" });
    }
    text.push_str("}\n");
    text
}
