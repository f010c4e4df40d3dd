//! The scalars of the wire.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cenote_base::Timestamp;
use serde_json::{Number, Value};

use crate::mismatch::Mismatch;
use crate::rule::Rule;
use crate::sensitive::Sensitive;
use crate::shape::{Shape, write_text};
use crate::values::{Blob, Document};
use crate::violations::Breach;

/// What of `rule` a text breaks. Lengths are Java's: UTF-16 units.
pub(crate) fn text_breaches(text: &str, rule: &Rule) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if rule.min.is_some() || rule.max.is_some() {
        // Nearly every text is ASCII, which is as many units as bytes.
        let length = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
        breaches.extend(length_breach(length, rule));
    }
    if let Some(pattern) = rule.pattern
        && !pattern.matches(text)
    {
        breaches.push(Breach::Pattern(pattern.printed()));
    }
    breaches
}

/// Everything that `rule` demands of a text.
pub(crate) fn text_demands(rule: &Rule) -> Vec<Breach> {
    let lengths = [rule.max.map(Breach::MaxLength), rule.min.map(Breach::MinLength)];
    let pattern = rule.pattern.map(|pattern| Breach::Pattern(pattern.printed()));
    lengths.into_iter().chain([pattern]).flatten().collect()
}

/// What of `rule` a length breaks.
pub(crate) fn length_breach(length: usize, rule: &Rule) -> Option<Breach> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    match (rule.min, rule.max) {
        (Some(min), _) if length < min => Some(Breach::MinLength(min)),
        (_, Some(max)) if length > max => Some(Breach::MaxLength(max)),
        _ => None,
    }
}

impl Shape for String {
    fn from_json(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(Mismatch::scalar(&other, "String")),
        }
    }

    #[cfg(test)]
    fn sample(draw: &mut crate::sample::Draw) -> Self {
        draw.text("shown")
    }

    fn to_json(&self) -> Value {
        Value::String(self.clone())
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(self, out);
    }

    fn show(&self, _rule: &Rule, out: &mut String) {
        out.push_str(self);
    }

    fn breaches(&self, rule: &Rule) -> Vec<Breach> {
        text_breaches(self, rule)
    }

    fn demands(rule: &Rule) -> Vec<Breach> {
        text_demands(rule)
    }
}

impl Shape for Sensitive {
    fn from_json(value: Value) -> Result<Self, Mismatch> {
        String::from_json(value).map(Self::new)
    }

    #[cfg(test)]
    fn sample(draw: &mut crate::sample::Draw) -> Self {
        Self::new(draw.text("hidden"))
    }

    fn to_json(&self) -> Value {
        Value::String(self.expose().to_owned())
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(self.expose(), out);
    }

    /// The text itself: confirmation codes are kept out of logs, but the caller who sent a bad one is shown it. Where
    /// AWS leaves the value out the rule is hidden and nobody asks.
    fn show(&self, _rule: &Rule, out: &mut String) {
        out.push_str(self.expose());
    }

    fn breaches(&self, rule: &Rule) -> Vec<Breach> {
        text_breaches(self.expose(), rule)
    }

    fn demands(rule: &Rule) -> Vec<Breach> {
        text_demands(rule)
    }
}

impl Shape for bool {
    fn from_json(value: Value) -> Result<Self, Mismatch> {
        value.as_bool().ok_or_else(|| Mismatch::scalar(&value, "Boolean"))
    }

    #[cfg(test)]
    fn sample(draw: &mut crate::sample::Draw) -> Self {
        draw.below(2) == 1
    }

    fn to_json(&self) -> Value {
        Value::Bool(*self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }

    fn show(&self, _rule: &Rule, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }

    fn breaches(&self, _rule: &Rule) -> Vec<Breach> {
        Vec::new()
    }
}

/// A whole number; one with a fraction of zero (`5.0`) counts as whole.
fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = value.as_number()?;
    number.as_i64().or_else(|| {
        // Beyond 2^53 a float stands for several whole numbers.
        let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < EXACT)?;
        Some(float as i64)
    })
}

fn value_breaches(number: i64, rule: &Rule) -> Vec<Breach> {
    match (rule.min, rule.max) {
        (Some(min), _) if number < min => vec![Breach::MinValue(min)],
        (_, Some(max)) if number > max => vec![Breach::MaxValue(max)],
        _ => Vec::new(),
    }
}

macro_rules! whole_number {
    ($type:ty, $java:literal) => {
        impl Shape for $type {
            fn from_json(value: Value) -> Result<Self, Mismatch> {
                whole(&value)
                    .and_then(|number| Self::try_from(number).ok())
                    .ok_or_else(|| Mismatch::scalar(&value, $java))
            }

            #[cfg(test)]
            fn sample(draw: &mut crate::sample::Draw) -> Self {
                Self::try_from(draw.below(1000)).unwrap()
            }

            fn to_json(&self) -> Value {
                Value::from(*self)
            }

            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.to_string().as_bytes());
            }

            fn show(&self, _rule: &Rule, out: &mut String) {
                out.push_str(&self.to_string());
            }

            fn breaches(&self, rule: &Rule) -> Vec<Breach> {
                value_breaches(i64::from(*self), rule)
            }

            fn demands(rule: &Rule) -> Vec<Breach> {
                [rule.max.map(Breach::MaxValue), rule.min.map(Breach::MinValue)].into_iter().flatten().collect()
            }
        }
    };
}

whole_number!(i32, "Integer");
whole_number!(i64, "Long");

/// Seconds since the epoch with their fraction.
impl Shape for Timestamp {
    fn from_json(value: Value) -> Result<Self, Mismatch> {
        let seconds = value.as_f64().ok_or_else(|| Mismatch::scalar(&value, "Date"))?;
        // The cast saturates.
        Ok(Self::from_millis((seconds * 1000.0).round() as i64))
    }

    #[cfg(test)]
    fn sample(draw: &mut crate::sample::Draw) -> Self {
        Self::from_millis(i64::from(draw.below(u32::MAX)) * 1000 + i64::from(draw.below(1000)))
    }

    fn to_json(&self) -> Value {
        Number::from_f64(self.secs_f64()).map_or(Value::Null, Value::Number)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.to_json().to_string().as_bytes());
    }

    fn show(&self, _rule: &Rule, out: &mut String) {
        out.push_str(&self.to_string());
    }

    fn breaches(&self, _rule: &Rule) -> Vec<Breach> {
        Vec::new()
    }
}

impl Shape for Blob {
    fn from_json(value: Value) -> Result<Self, Mismatch> {
        let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok());
        bytes.map(Self).ok_or_else(|| Mismatch::scalar(&value, "Blob"))
    }

    #[cfg(test)]
    fn sample(draw: &mut crate::sample::Draw) -> Self {
        Self((0..draw.below(4)).map(|byte| byte as u8).collect())
    }

    fn to_json(&self) -> Value {
        Value::String(STANDARD.encode(&self.0))
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_text(&STANDARD.encode(&self.0), out);
    }

    /// As Java prints a buffer.
    fn show(&self, _rule: &Rule, out: &mut String) {
        let length = self.0.len();
        out.push_str(&format!("java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]"));
    }

    fn breaches(&self, rule: &Rule) -> Vec<Breach> {
        length_breach(self.0.len(), rule).into_iter().collect()
    }
}

impl Shape for Document {
    fn from_json(value: Value) -> Result<Self, Mismatch> {
        Ok(Self(value))
    }

    #[cfg(test)]
    fn sample(draw: &mut crate::sample::Draw) -> Self {
        Self(serde_json::json!({ draw.text("shown"): [1, null, true] }))
    }

    fn to_json(&self) -> Value {
        self.0.clone()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.to_string().as_bytes());
    }

    fn show(&self, _rule: &Rule, out: &mut String) {
        out.push_str("Document");
    }

    fn breaches(&self, _rule: &Rule) -> Vec<Breach> {
        Vec::new()
    }
}
