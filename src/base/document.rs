//! Reads a TOML text into a type, and puts what the TOML reader complains of
//! into words for operators.

use crate::base::suggest::did_you_mean;
use crate::base::{Diagnostics, Source};
use serde::de::DeserializeOwned;
use std::ops::Range;
use toml::de::{DeTable, Deserializer};

/// Reads the text. Syntax and type mistakes come one at a time, as the reader
/// finds them; everything else is checked later and reported in one go.
pub fn read_toml<T: DeserializeOwned>(text: &str, file: &str) -> Result<(T, Source), Diagnostics> {
    let mut source = Source::new(file, text);
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => return Err(reword(&source, error.message(), error.span())),
    };
    source.index(table.get_ref());
    match T::deserialize(Deserializer::from(table)) {
        Ok(value) => Ok((value, source)),
        Err(error) => Err(reword(&source, error.message(), error.span())),
    }
}

fn reword(source: &Source, message: &str, span: Option<Range<usize>>) -> Diagnostics {
    let (what, remedy) = words(message);
    let mut diagnostic = source.diagnostic_at_span(span, what, remedy);
    // The reader quotes the value it found, and this one may be a secret.
    let secret = ["password", ".url", ".key"];
    let secret = secret.iter().any(|key| diagnostic.key.ends_with(key));
    if secret && message.starts_with("invalid") {
        diagnostic.message = "expected text in quotes, found something else".into();
        diagnostic.excerpt = None;
    }
    diagnostic.into()
}

fn words(message: &str) -> (String, String) {
    let ticked: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (first, known) = match ticked.split_first() {
        Some((first, known)) => (*first, known),
        None => ("", &[][..]),
    };
    if message.starts_with("unknown field") {
        return unknown("key", "keys here are", first, known);
    }
    if message.starts_with("unknown variant") {
        return unknown("word", "accepted here are", first, known);
    }
    if message.starts_with("missing field") {
        let remedy = format!("add a line `{first} = …`; config/examples shows every key");
        return (format!("the key \"{first}\" is missing"), remedy);
    }
    if message.starts_with("wanted exactly 1 element") {
        return (
            "an operation is of exactly one kind".into(),
            "start a new [[operation]] for each add_column, sql or backfill".into(),
        );
    }
    if message.starts_with("duplicate key") {
        return (
            "this key is given twice".into(),
            "keep one of the two".into(),
        );
    }
    if let Some((found, wanted)) = type_mismatch(message) {
        let remedy = type_remedy(wanted, &found).to_owned();
        return (format!("expected {wanted}, found {found}"), remedy);
    }
    (
        format!("this is not valid TOML: {message}"),
        "correct the line; the mistake may also stand just before it".into(),
    )
}

fn unknown(kind: &str, lead: &str, found: &str, known: &[&str]) -> (String, String) {
    let guess = did_you_mean(found, known.iter().copied());
    let remedy = match known.is_empty() {
        true => "remove it".to_owned(),
        false => format!("{guess}{lead} {}", known.join(", ")),
    };
    // A word of the wrong kind may be an address with a password.
    let message = match found.contains(':') {
        true => format!("unknown {kind}"),
        false => format!("unknown {kind} \"{found}\""),
    };
    (message, remedy)
}

/// `invalid type: integer `5`, expected a string` in our words.
fn type_mismatch(message: &str) -> Option<(String, &'static str)> {
    let rest = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))?;
    let (found, wanted) = rest.rsplit_once(", expected ")?;
    let wanted = match wanted {
        "a string" => "text in quotes",
        "a boolean" => "true or false",
        "i64" => "a whole number",
        "a sequence" => "a list",
        _ => "a table",
    };
    let found = match found.split(' ').next().unwrap_or_default() {
        "integer" => found.replace("integer", "the number").replace('`', ""),
        "floating" => found
            .replace("floating point", "the number")
            .replace('`', ""),
        "boolean" => found.replace("boolean", "the word").replace('`', ""),
        // Never repeated: it may be an address with a password.
        "string" => "text".to_owned(),
        "sequence" => "a list".to_owned(),
        _ => "a table".to_owned(),
    };
    Some((found, wanted))
}

fn type_remedy(wanted: &str, found: &str) -> &'static str {
    match wanted {
        "a list" if found == "a table" => "write [[…]] with double brackets, once for each",
        "text in quotes" => "put the value in quotes",
        "true or false" => "write true or false, without quotes",
        "a whole number" => "write a whole number, without quotes and without a unit",
        "a list" => "put the values in brackets: [\"…\"]",
        _ => "write a table: { key = value, … }, or a [section]",
    }
}
