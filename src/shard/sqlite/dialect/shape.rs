//! What the catalog says of one table, as data.

use crate::base::Ident;

/// One table of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableShape {
    /// The key that rows are walked and matched by; never NULL.
    pub keys: Vec<Ident>,
    /// Its columns, in order.
    pub columns: Vec<ColumnShape>,
}

/// One column of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnShape {
    /// Its name.
    pub name: Ident,
    /// Its declared type.
    pub sql_type: String,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// Its DEFAULT, as SQL.
    pub default: Option<String>,
    /// Its place in the primary key, from 1; 0 if it is not in it.
    pub key_place: u32,
}

impl TableShape {
    /// What a listing assumes while no catalog is at hand.
    pub fn assumed() -> Self {
        // `rowid` is short and has no control characters.
        let keys = Ident::new("rowid").into_iter().collect();
        Self {
            keys,
            columns: Vec::new(),
        }
    }

    /// One column.
    pub fn column(&self, name: &Ident) -> Option<&ColumnShape> {
        self.columns
            .iter()
            .find(|c| c.name.as_str().eq_ignore_ascii_case(name.as_str()))
    }

    /// `"a" = NEW."a" AND …`: the row that a trigger fires for.
    pub fn is_new_row(&self) -> String {
        let parts: Vec<String> = self
            .keys
            .iter()
            .map(|key| format!("{key} = NEW.{key}"))
            .collect();
        parts.join(" AND ")
    }

    /// `("a", "b")`, or `"a"` alone.
    pub fn key_tuple(&self) -> String {
        tuple(self.keys.iter().map(Ident::to_string))
    }

    /// `"a", "b"`.
    pub fn key_list(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(Ident::to_string).collect();
        keys.join(", ")
    }

    /// The keys, last first.
    pub fn key_list_descending(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(|k| format!("{k} DESC")).collect();
        keys.join(", ")
    }

    /// `quote("a"), quote("b")`: key values as SQL literals.
    pub fn key_literals(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(|k| format!("quote({k})")).collect();
        keys.join(", ")
    }
}

/// A row value of one part needs no parentheses, and SQLite refuses them in
/// some places.
pub fn tuple(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    match parts.as_slice() {
        [one] => one.clone(),
        many => format!("({})", many.join(", ")),
    }
}
