//! The structures and enumerations, one file per resource.

use std::collections::{BTreeMap, BTreeSet};

use super::rules;
use crate::error::Error;
use crate::names;
use crate::service::{Kind, Member, SHARED, Service, Shape};

#[derive(Default)]
struct File {
    structures: String,
    enumerations: String,
    imports: BTreeSet<String>,
}

/// File name → text.
pub fn files(service: &Service) -> Result<BTreeMap<String, String>, Error> {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    for (name, shape) in &service.shapes {
        match &shape.kind {
            Kind::Structure(members) => {
                let file = files.entry(shape.resource.clone()).or_default();
                structure(service, name, shape, members, file)?;
            }
            Kind::Enumeration(words, alone) => {
                let file = files.entry(shape.resource.clone()).or_default();
                enumeration(service, name, words, *alone, file)?;
            }
            _ => {}
        }
    }
    for (name, shape) in &service.shapes {
        if let Some(file) = files.get_mut(&shape.resource) {
            file.imports.remove(&format!("use super::{name};"));
        }
    }
    Ok(files.into_iter().map(|(name, file)| (name.clone(), text(&name, &file))).collect())
}

fn structure(service: &Service, name: &str, shape: &Shape, members: &[Member], file: &mut File) -> Result<(), Error> {
    let mut lines = String::new();
    let mut fields = BTreeSet::new();
    for member in members {
        let field = names::field(&member.wire);
        if !fields.insert(field.clone()) {
            return Err(service.refuse(format!("{name} has two members {field}")));
        }
        let ty = rust_type(service, &member.shape, shape.secret, &mut file.imports)?;
        let presence = if member.required { "required" } else { "optional" };
        let rule = rules::name(service, &member.shape)?;
        let import = if rule == "FREE" { "use crate::rule::FREE;" } else { "use super::rules;" };
        file.imports.insert(import.to_owned());
        lines.push_str(&format!("        {field}: {ty} = \"{}\", {presence}, {rule};\n", member.wire));
    }
    file.structures.push_str(&format!("\n    pub struct {name} {{\n{lines}    }}\n"));
    Ok(())
}

fn enumeration(service: &Service, name: &str, words: &[String], alone: bool, file: &mut File) -> Result<(), Error> {
    let mut variants = BTreeSet::new();
    let form = if alone { " alone" } else { "" };
    file.enumerations.push_str(&format!("\n    pub enum {name}{form} {{\n"));
    for word in words {
        let variant = names::variant(word);
        file.enumerations.push_str(&format!("        {variant} = \"{word}\",\n"));
        if !variants.insert(variant) {
            return Err(service.refuse(format!("{name} has two variants for {word}")));
        }
    }
    file.enumerations.push_str("    }\n");
    Ok(())
}

/// The Rust type of a shape; `secret` when what holds it is.
fn rust_type(service: &Service, name: &str, secret: bool, imports: &mut BTreeSet<String>) -> Result<String, Error> {
    let shape = service.shape(name)?;
    let secret = secret || shape.secret;
    Ok(match &shape.kind {
        Kind::Text if secret => {
            imports.insert("use crate::Sensitive;".to_owned());
            "Sensitive".to_owned()
        }
        Kind::Text => "String".to_owned(),
        Kind::List(member) => format!("Vec<{}>", rust_type(service, member, secret, imports)?),
        Kind::Map(_, value) => {
            imports.insert("use std::collections::BTreeMap;".to_owned());
            format!("BTreeMap<String, {}>", rust_type(service, value, secret, imports)?)
        }
        // Neither prints anything of its value, so that they may be secret.
        Kind::Blob => {
            imports.insert("use crate::values::Blob;".to_owned());
            "Blob".to_owned()
        }
        Kind::Document => {
            imports.insert("use crate::values::Document;".to_owned());
            "Document".to_owned()
        }
        Kind::Structure(_) if shape.secret => {
            // Its members hide themselves.
            imports.insert(format!("use super::{name};"));
            name.to_owned()
        }
        _ if secret => return Err(service.refuse(format!("{name} is secret and has no type that hides it"))),
        Kind::Structure(_) | Kind::Enumeration(..) => {
            imports.insert(format!("use super::{name};"));
            name.to_owned()
        }
        Kind::Integer => "i32".to_owned(),
        Kind::Long => "i64".to_owned(),
        Kind::Boolean => "bool".to_owned(),
        Kind::Timestamp => {
            imports.insert("use cenote_base::Timestamp;".to_owned());
            "Timestamp".to_owned()
        }
    })
}

fn text(name: &str, file: &File) -> String {
    let what = if name == SHARED { "several resources use".to_owned() } else { format!("only `{name}` uses") };
    let mut text = super::header(&format!("Structures and enumerations that {what}."));
    let from = |start: &str| file.imports.iter().filter(|it| it.starts_with(start)).cloned().collect::<Vec<_>>();
    for group in [from("use std"), from("use cenote"), [from("use super"), from("use crate")].concat()] {
        if !group.is_empty() {
            text.push_str(&format!("{}\n\n", group.join("\n")));
        }
    }
    if !file.structures.is_empty() {
        text.push_str(&format!("crate::macros::structures! {{{}}}\n", file.structures));
    }
    if !file.enumerations.is_empty() {
        let gap = if file.structures.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{gap}crate::macros::enumerations! {{{}}}\n", file.enumerations));
    }
    text.replace("! {\n\n", "! {\n")
}
