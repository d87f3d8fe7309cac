//! Canonical bytes: one spelling, and only one, for every JSON value.
//!
//! Keys sorted by their UTF-8 bytes at every depth, no white space, strings
//! escaped only where JSON demands it (`\"`, `\\`, `\b`, `\f`, `\n`, `\r`,
//! `\t`, other controls as `\u00xx` in lower case), integers up to 2^53 in
//! plain decimal, larger ones as decimal *strings*, no fractions or exponents.

use serde::Deserializer;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The largest integer that every JSON reader keeps exactly: 2^53.
pub const INTEGER_MAX: u64 = 1 << 53;

/// The deepest nesting that can be written, well below what readers allow.
pub const DEPTH_MAX: usize = 64;

/// The longest line, in bytes without its line feed.
pub const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why a value has no canonical bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A number with a fraction or an exponent, or beyond 64 bits.
    #[error("the record holds whole numbers only; write a fraction as text or in a smaller unit")]
    Float,
    /// Deeper than [`DEPTH_MAX`].
    #[error("the record holds at most {DEPTH_MAX} levels of nesting")]
    TooDeep,
}

/// Replaces integers beyond [`INTEGER_MAX`] by strings, refuses floats and
/// deep nesting. What comes out reads back from its bytes as itself.
pub(super) fn normalise(value: Value) -> Result<Value, CanonicalError> {
    normalise_at(value, 0)
}

fn normalise_at(value: Value, depth: usize) -> Result<Value, CanonicalError> {
    if depth > DEPTH_MAX {
        return Err(CanonicalError::TooDeep);
    }
    Ok(match value {
        Value::Number(number) => normal_number(number)?,
        Value::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|item| normalise_at(item, depth + 1))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, item)| Ok((key, normalise_at(item, depth + 1)?)))
                .collect::<Result<_, CanonicalError>>()?,
        ),
        plain => plain,
    })
}

fn normal_number(number: Number) -> Result<Value, CanonicalError> {
    let size = match (number.as_u64(), number.as_i64()) {
        (Some(positive), _) => positive,
        (None, Some(negative)) => negative.unsigned_abs(),
        (None, None) => return Err(CanonicalError::Float),
    };
    Ok(if size > INTEGER_MAX {
        Value::String(number.to_string())
    } else {
        Value::Number(number)
    })
}

/// The bytes of a normalised value.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::with_capacity(256);
    write_into(value, &mut out);
    out
}

fn write_into(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_into(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            // Sorted here and not left to the map, whose order is a build
            // feature that another crate could switch.
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| key.as_bytes());
            out.push('{');
            for (place, (key, item)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write_into(item, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Reads one JSON value, refusing what the canonical form cannot hold: a key
/// given twice, a fraction, an integer beyond [`INTEGER_MAX`].
pub(super) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = reader.deserialize_any(Strict)?;
    reader.end()?;
    Ok(value)
}

struct Strict;

impl<'de> de::DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value of the record")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        if value > INTEGER_MAX {
            return Err(E::custom("an integer beyond 2^53 must be a string"));
        }
        Ok(Value::from(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > INTEGER_MAX {
            return Err(E::custom("an integer beyond 2^53 must be a string"));
        }
        Ok(Value::from(value))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("a number that is not a plain integer"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            out.push(item);
        }
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let item = fields.next_value_seed(Strict)?;
            if out.insert(key, item).is_some() {
                return Err(de::Error::custom("a key is given twice"));
            }
        }
        Ok(Value::Object(out))
    }
}
