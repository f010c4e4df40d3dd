//! `rules.rs`: the constraints of the shapes, and their patterns.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::names;
use crate::pattern;
use crate::service::{Kind, Service, Shape};

/// The constraints and patterns.
pub fn file(service: &Service) -> Result<String, Error> {
    let mut patterns: BTreeMap<&str, String> = BTreeMap::new();
    let mut rules = String::new();
    for (name, shape) in &service.shapes {
        let Some(rule) = rule(service, shape)? else { continue };
        let constant = names::constant(name);
        let pattern = enforced_pattern(shape);
        let pattern = pattern.map(|pattern| patterns.entry(pattern).or_insert_with(|| format!("{constant}_PATTERN")));
        let pattern = pattern.map(|pattern| format!(".pattern(&{pattern})")).unwrap_or_default();
        rules.push_str(&format!("    {constant} = {rule}{pattern};\n"));
    }
    let mut text = super::header("The constraints of the shapes, and their patterns.");
    text.push_str("crate::macros::patterns! {\n");
    for (java, name) in &patterns {
        let source = pattern::translate(java).map_err(|what| service.refuse(format!("the pattern {java}: {what}")))?;
        text.push_str(&format!("    {name} = {}\n        => {};\n", literal(java), literal(&source)));
    }
    text.push_str(&format!("}}\n\ncrate::macros::rules! {{\n{rules}}}\n"));
    Ok(text)
}

/// The name of a shape's rule, for `structures!`.
pub fn name(service: &Service, shape_name: &str) -> Result<String, Error> {
    let shape = service.shape(shape_name)?;
    Ok(match rule(service, shape)? {
        Some(_) => format!("rules::{}", names::constant(shape_name)),
        None => "FREE".to_owned(),
    })
}

/// Only inputs are validated, so that patterns of outputs need not be understood.
fn enforced_pattern(shape: &Shape) -> Option<&str> {
    shape.pattern.as_deref().filter(|_| shape.is_input)
}

/// The rule's builder calls without the pattern; `None` for a shape that nothing is demanded of.
fn rule(service: &Service, shape: &Shape) -> Result<Option<String>, Error> {
    let mut calls = String::new();
    let mut inner = |call: &str, name: &str| -> Result<(), Error> {
        if self::name(service, name)? != "FREE" {
            calls.push_str(&format!(".{call}(&{})", names::constant(name)));
        }
        Ok(())
    };
    match &shape.kind {
        Kind::List(member) => inner("of", member)?,
        Kind::Map(key, value) => {
            inner("keys", key)?;
            inner("of", value)?;
        }
        _ => {}
    }
    if let Some(min) = shape.min {
        calls.push_str(&format!(".min({min})"));
    }
    if let Some(max) = shape.max {
        calls.push_str(&format!(".max({max})"));
    }
    if shape.sensitive {
        calls.push_str(".hidden()");
    }
    Ok((!calls.is_empty() || enforced_pattern(shape).is_some()).then_some(calls))
}

/// A raw string literal.
fn literal(text: &str) -> String {
    let hashes = "#".repeat((0..8).find(|n| !text.contains(&format!("\"{}", "#".repeat(*n)))).unwrap_or(8));
    format!("r{hashes}\"{text}\"{hashes}")
}
