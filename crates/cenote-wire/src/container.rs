//! Lists and maps of the wire. A null inside counts as absent, as everywhere.

use std::collections::BTreeMap;

use serde_json::{Map as JsonMap, Value};

use crate::mismatch::Mismatch;
use crate::rule::Rule;
use crate::scalar::{length_breach, text_breaches, text_demands};
use crate::shape::{Shape, write_text};
use crate::violations::{Breach, Path, Violations};

impl<T: Shape> Shape for Vec<T> {
    fn from_json(value: Value) -> Result<Self, Mismatch> {
        let Value::Array(items) = value else {
            return Err(Mismatch::list(&value));
        };
        items.into_iter().filter(|item| !item.is_null()).map(T::from_json).collect()
    }

    #[cfg(test)]
    fn sample(draw: &mut crate::sample::Draw) -> Self {
        (0..draw.length()).map(|_| T::sample(draw)).collect()
    }

    fn to_json(&self) -> Value {
        Value::Array(self.iter().map(T::to_json).collect())
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (index, item) in self.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            item.write(out);
        }
        out.push(b']');
    }

    fn show(&self, rule: &Rule, out: &mut String) {
        out.push('[');
        for (index, item) in self.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            if !rule.member().hidden {
                item.show(rule.member(), out);
            }
        }
        out.push(']');
    }

    fn breaches(&self, rule: &Rule) -> Vec<Breach> {
        let mut breaches: Vec<Breach> = length_breach(self.len(), rule).into_iter().collect();
        if !T::is_nested() && self.iter().any(|item| !item.breaches(rule.member()).is_empty()) {
            breaches.push(Breach::Element(T::demands(rule.member())));
        }
        breaches
    }

    fn is_nested() -> bool {
        true
    }

    fn check_contents(&self, rule: &Rule, path: &Path<'_>, out: &mut Violations) {
        if !T::is_nested() {
            return;
        }
        for (index, item) in self.iter().enumerate() {
            if out.is_full() {
                return;
            }
            item.check(rule.member(), &path.item(index), out);
        }
    }
}

impl<T: Shape> Shape for BTreeMap<String, T> {
    fn from_json(value: Value) -> Result<Self, Mismatch> {
        let Value::Object(entries) = value else {
            return Err(Mismatch::map(&value));
        };
        let entries = entries.into_iter().filter(|(_, value)| !value.is_null());
        entries.map(|(key, value)| Ok((key, T::from_json(value)?))).collect()
    }

    #[cfg(test)]
    fn sample(draw: &mut crate::sample::Draw) -> Self {
        (0..draw.length()).map(|_| (draw.text("key"), T::sample(draw))).collect()
    }

    fn to_json(&self) -> Value {
        Value::Object(self.iter().map(|(key, value)| (key.clone(), value.to_json())).collect::<JsonMap<_, _>>())
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (key, value)) in self.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_text(key, out);
            out.push(b':');
            value.write(out);
        }
        out.push(b'}');
    }

    fn show(&self, rule: &Rule, out: &mut String) {
        out.push('{');
        for (index, (key, value)) in self.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            out.push_str(key);
            out.push('=');
            if !rule.member().hidden {
                value.show(rule.member(), out);
            }
        }
        out.push('}');
    }

    fn breaches(&self, rule: &Rule) -> Vec<Breach> {
        let mut breaches: Vec<Breach> = length_breach(self.len(), rule).into_iter().collect();
        if self.keys().any(|key| !text_breaches(key, rule.key()).is_empty()) {
            breaches.push(Breach::Key(text_demands(rule.key())));
        }
        if !T::is_nested() && self.values().any(|value| !value.breaches(rule.member()).is_empty()) {
            breaches.push(Breach::Value(T::demands(rule.member())));
        }
        breaches
    }

    fn is_nested() -> bool {
        true
    }

    fn check_contents(&self, rule: &Rule, path: &Path<'_>, out: &mut Violations) {
        if !T::is_nested() {
            return;
        }
        for (key, value) in self {
            if out.is_full() {
                return;
            }
            value.check(rule.member(), &path.entry(key), out);
        }
    }
}
