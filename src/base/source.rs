//! Where every key of a loaded file stands, kept beside the checked data so
//! that a later finding ("unreachable", "missing grant") can point at it.

use crate::base::excerpt::{excerpt, line_and_column};
use crate::base::{Diagnostic, Untrusted};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// The place of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file as the operator named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key as it is shown to people.
    pub key: String,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = Untrusted::new(&self.file);
        write!(f, "{file}:{}:{}", self.line, self.column)
    }
}

/// The text of a loaded file (and of a shard list it refers to) with the
/// place of every key.
///
/// Paths are dotted. An element of a list is found by its `name` or else by
/// its number from 1 (`shard.s01.candidates.2`, `operation.1.up`), and always
/// by its number in brackets (`shard[1].candidates[2]`). The kind of an
/// operation may be left out.
#[derive(Clone)]
pub struct Source {
    documents: Vec<Document>,
    places: BTreeMap<String, Place>,
}

#[derive(Clone)]
struct Document {
    file: String,
    text: String,
}

#[derive(Clone)]
struct Place {
    document: usize,
    key: Option<Range<usize>>,
    value: Range<usize>,
    shown: String,
}

/// The texts may hold what must not be printed.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<&str> = self.documents.iter().map(|d| d.file.as_str()).collect();
        f.debug_struct("Source").field("files", &files).finish()
    }
}

impl Source {
    pub(super) fn new(file: &str, text: &str) -> Self {
        let mut source = Self {
            documents: Vec::new(),
            places: BTreeMap::new(),
        };
        source.add_document(file, text);
        source
    }

    pub(super) fn index(&mut self, table: &DeTable<'_>) {
        let document = self.documents.len() - 1;
        self.index_table(document, "", "", table);
    }

    /// Takes in another file whose keys are part of the same data.
    pub fn absorb(&mut self, other: Self) {
        let shift = self.documents.len();
        self.documents.extend(other.documents);
        for (path, mut place) in other.places {
            place.document += shift;
            self.places.entry(path).or_insert(place);
        }
    }

    /// Whether the file has this very key.
    pub fn has(&self, path: &str) -> bool {
        self.places.contains_key(path)
    }

    /// Where a key stands; where the file does not have it, its nearest
    /// parent; at worst the start of the file.
    pub fn at(&self, path: &str) -> Location {
        let (document, span) = self.span(path);
        let document = &self.documents[document];
        let (line, column) = line_and_column(&document.text, span.start);
        Location {
            file: document.file.clone(),
            line,
            column,
            key: self.shown(path),
        }
    }

    /// A diagnostic that points at a key.
    pub fn diagnostic(
        &self,
        path: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Diagnostic {
        let (document, span) = self.span(path);
        self.diagnostic_at(document, &span, self.shown(path), message, remedy)
    }

    pub(super) fn diagnostic_at_span(
        &self,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Diagnostic {
        let span = span.unwrap_or(0..0);
        let key = self.key_of(&span).unwrap_or_default();
        self.diagnostic_at(0, &span, key, message, remedy)
    }

    /// The place of the key in file order, for sorting.
    pub(super) fn order(&self, diagnostic: &Diagnostic) -> (usize, usize, usize) {
        let document = self
            .documents
            .iter()
            .position(|d| d.file == diagnostic.file);
        let last = self.documents.len();
        (document.unwrap_or(last), diagnostic.line, diagnostic.column)
    }

    /// A diagnostic about the key itself, not about its value.
    pub fn diagnostic_at_key(
        &self,
        path: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Diagnostic {
        let place = self.places.get(path);
        let key = place.and_then(|place| Some((place.document, place.key.clone()?)));
        let (document, span) = key.unwrap_or_else(|| self.span(path));
        self.diagnostic_at(document, &span, self.shown(path), message, remedy)
    }

    fn diagnostic_at(
        &self,
        document: usize,
        span: &Range<usize>,
        key: String,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Diagnostic {
        let document = &self.documents[document];
        let (line, column) = line_and_column(&document.text, span.start);
        // A mistake of the whole file has no line worth underlining.
        let whole = span.start == 0 && (key.is_empty() || span.is_empty());
        let excerpt = match whole {
            true => None,
            false => excerpt(&document.text, span),
        };
        Diagnostic {
            file: document.file.clone(),
            line,
            column,
            key,
            message: message.into(),
            remedy: remedy.into(),
            excerpt,
        }
    }

    fn add_document(&mut self, file: &str, text: &str) {
        self.documents.push(Document {
            file: file.to_owned(),
            text: text.to_owned(),
        });
    }

    /// The value's place, or that of the nearest parent there is.
    fn span(&self, path: &str) -> (usize, Range<usize>) {
        let mut rest = path;
        loop {
            if let Some(place) = self.places.get(rest) {
                return (place.document, place.value.clone());
            }
            match rest.rfind(['.', '[']) {
                Some(end) => rest = &rest[..end],
                None => return (0, 0..0),
            }
        }
    }

    fn shown(&self, path: &str) -> String {
        match self.places.get(path) {
            Some(place) => place.shown.clone(),
            None => match path.rfind(['.', '[']) {
                Some(end) => format!(
                    "{}.{}",
                    self.shown(&path[..end]),
                    path[end + 1..].trim_end_matches(']')
                ),
                None => path.to_owned(),
            },
        }
    }

    fn key_of(&self, span: &Range<usize>) -> Option<String> {
        // A list starts where its first element does; the element says more.
        let exact = self
            .places
            .values()
            .filter(|place| {
                place.document == 0 && (place.value == *span || place.key.as_ref() == Some(span))
            })
            .max_by_key(|place| place.shown.len());
        let around = || {
            let holds = |place: &&Place| {
                place.document == 0
                    && place.value.start <= span.start
                    && span.end <= place.value.end
            };
            self.places
                .values()
                .filter(holds)
                .min_by_key(|place| place.value.len())
        };
        exact.or_else(around).map(|place| place.shown.clone())
    }

    fn index_table(&mut self, document: usize, path: &str, shown: &str, table: &DeTable<'_>) {
        for (key, value) in table.iter() {
            let name = key.get_ref().as_ref();
            let path = join(path, name);
            let shown = join(shown, name);
            self.index_value(document, &path, &shown, Some(key.span()), value);
        }
    }

    fn index_value(
        &mut self,
        document: usize,
        path: &str,
        shown: &str,
        key: Option<Range<usize>>,
        value: &toml::Spanned<DeValue<'_>>,
    ) {
        let place = Place {
            document,
            key,
            value: value.span(),
            shown: shown.to_owned(),
        };
        self.places
            .entry(path.to_owned())
            .or_insert_with(|| place.clone());
        self.places.entry(shown.to_owned()).or_insert(place);
        match value.get_ref() {
            DeValue::Table(table) => {
                self.index_table(document, path, shown, table);
                if let Some(operation) = path.strip_suffix(']').filter(|_| table.len() == 1)
                    && operation.starts_with("operation[")
                {
                    self.index_operation(document, path, shown, table);
                }
            }
            DeValue::Array(array) => {
                for (position, element) in array.iter().enumerate() {
                    let number = position + 1;
                    let path = format!("{path}[{number}]");
                    let shown = join(shown, &element_name(element, number));
                    self.index_value(document, &path, &shown, None, element);
                }
            }
            _ => {}
        }
    }

    /// Lets `operation.1.up` stand for `operation.1.add_column.up`.
    fn index_operation(&mut self, document: usize, path: &str, shown: &str, table: &DeTable<'_>) {
        for value in table.values() {
            if let DeValue::Table(body) = value.get_ref() {
                self.index_table(document, path, shown, body);
            }
        }
    }
}

fn join(parent: &str, key: &str) -> String {
    match parent.is_empty() {
        true => key.to_owned(),
        false => format!("{parent}.{key}"),
    }
}

fn element_name(element: &toml::Spanned<DeValue<'_>>, number: usize) -> String {
    let name = match element.get_ref() {
        DeValue::Table(table) => table.get("name").and_then(|name| name.get_ref().as_str()),
        _ => None,
    };
    match name {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => number.to_string(),
    }
}
