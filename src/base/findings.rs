//! Collects the semantic mistakes of one file while it is being checked.

use crate::base::suggest::did_you_mean;
use crate::base::{Diagnostic, Diagnostics, Period, Source};
use std::ops::RangeInclusive;

/// Mistakes found so far, each pointing at its key.
pub struct Findings<'a> {
    source: &'a Source,
    found: Vec<Diagnostic>,
}

impl<'a> Findings<'a> {
    /// Nothing found yet.
    pub fn new(source: &'a Source) -> Self {
        Self {
            source,
            found: Vec::new(),
        }
    }

    /// The file that is being checked.
    pub fn source(&self) -> &'a Source {
        self.source
    }

    /// Takes in mistakes found elsewhere, for example in a shard list.
    pub fn include(&mut self, other: Diagnostics) {
        self.found.extend(other.0);
    }

    /// Adds a mistake at a key.
    pub fn report(&mut self, path: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.found
            .push(self.source.diagnostic(path, message, remedy));
    }

    /// The value, or the mistake that `error` tells and its remedy.
    pub fn accept<T, E: std::fmt::Display>(
        &mut self,
        path: &str,
        result: Result<T, E>,
        remedy: impl Into<String>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.report(path, error.to_string(), remedy);
                None
            }
        }
    }

    /// A length of time within limits; `default` where the key is absent or wrong.
    pub fn period(
        &mut self,
        path: &str,
        text: Option<&str>,
        limits: RangeInclusive<Period>,
        default: Period,
    ) -> Period {
        let Some(text) = text else { return default };
        let period = match text.parse::<Period>() {
            Ok(period) => period,
            Err(error) => {
                self.report(
                    path,
                    format!("{text:?} is not a length of time"),
                    error.to_string(),
                );
                return default;
            }
        };
        if !limits.contains(&period) {
            let remedy = format!("choose from {} to {}", limits.start(), limits.end());
            self.report(
                path,
                format!("{} cannot be {period}", last_key(path)),
                remedy,
            );
        }
        period
    }

    /// A number within limits, as the type the data wants.
    pub fn number<T: TryFrom<i64>>(
        &mut self,
        path: &str,
        value: i64,
        limits: RangeInclusive<i64>,
    ) -> Option<T> {
        if !limits.contains(&value) {
            let remedy = match *limits.end() {
                i64::MAX => format!("choose at least {}", limits.start()),
                end => format!("choose from {} to {end}", limits.start()),
            };
            self.report(
                path,
                format!("{} cannot be {value}", last_key(path)),
                remedy,
            );
            return None;
        }
        T::try_from(value).ok()
    }

    /// One of a few words; `kind` says what they are: a stage, an action, …
    pub fn choose<T: Copy>(
        &mut self,
        path: &str,
        kind: &str,
        text: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let guess = did_you_mean(text, words.iter().copied());
        let remedy = format!("{guess}choose one of {}", words.join(", "));
        let message = format!("unknown {kind} {text:?}");
        // Where the word is itself the key, the key is to be underlined.
        let found = match path.ends_with(&format!(".{text}")) {
            true => self.source.diagnostic_at_key(path, message, remedy),
            false => self.source.diagnostic(path, message, remedy),
        };
        self.found.push(found);
        None
    }

    /// The value if nothing was found, else every mistake in file order.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Diagnostics> {
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => {
                if self.found.is_empty() {
                    // Every missing value has a finding; should one not, the
                    // file is still refused.
                    self.report(
                        "",
                        "the file is not complete",
                        "compare it with config/examples",
                    );
                }
                self.found
                    .sort_by_key(|diagnostic| self.source.order(diagnostic));
                Err(Diagnostics(self.found))
            }
        }
    }
}

fn last_key(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
