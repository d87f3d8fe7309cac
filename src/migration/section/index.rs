//! Checks indexes as migration files write them.

use super::{column, expression, optional, rule};
use crate::base::Findings;
use crate::migration::model::{CreateIndex, IndexKey, KeyOf, Nulls, Opclass};
use crate::migration::raw_operation::{RawCreateIndex, RawIndexKey};

pub(super) fn create_index(
    path: &str,
    raw: &RawCreateIndex,
    findings: &mut Findings<'_>,
) -> Option<CreateIndex> {
    let table = super::table(path, &raw.table, findings);
    let name = column(&format!("{path}.name"), &raw.name, findings);
    if raw.keys.is_empty() {
        let remedy = "write keys = [{ column = \"…\" }]";
        findings.report(&format!("{path}.keys"), "this index has no key", remedy);
    }
    let mut keys = Vec::new();
    for (place, raw) in raw.keys.iter().enumerate() {
        let path = format!("{path}.keys[{}]", place + 1);
        keys.extend(key(&path, raw, findings));
    }
    let method = raw.method.as_ref();
    let method = method.and_then(|word| column(&format!("{path}.method"), word, findings));
    optional(&format!("{path}.with"), raw.with.as_ref(), findings);
    optional(&format!("{path}.where"), raw.predicate.as_ref(), findings);
    Some(CreateIndex {
        table: table?,
        name: name?,
        keys,
        include: rule::columns(&format!("{path}.include"), &raw.include, findings),
        unique: raw.unique,
        nulls_not_distinct: raw.nulls_not_distinct,
        method,
        with: raw.with.clone(),
        predicate: raw.predicate.clone(),
    })
}

fn key(path: &str, raw: &RawIndexKey, findings: &mut Findings<'_>) -> Option<IndexKey> {
    let of = match (&raw.column, &raw.expression) {
        (Some(name), None) => KeyOf::Column(column(&format!("{path}.column"), name, findings)?),
        (None, Some(text)) => {
            expression(&format!("{path}.expression"), text, findings);
            KeyOf::Expression(text.clone())
        }
        _ => {
            let remedy = "write one of column and expression";
            findings.report(path, "a key is a column or an expression", remedy);
            return None;
        }
    };
    let mut word = |key: &str, text: Option<&String>| {
        text.and_then(|text| column(&format!("{path}.{key}"), text, findings))
    };
    let collate = word("collate", raw.collate.as_ref());
    let opclass = word("opclass", raw.opclass.as_ref()).map(|name| Opclass {
        name,
        parameters: raw.opclass_parameters.clone(),
    });
    for parameter in &raw.opclass_parameters {
        expression(&format!("{path}.opclass_parameters"), parameter, findings);
    }
    let sorts = [("asc", false), ("desc", true)];
    let sort = raw.sort.as_ref();
    let sort = sort.and_then(|s| findings.choose(&format!("{path}.sort"), "direction", s, &sorts));
    let places = [("first", Nulls::First), ("last", Nulls::Last)];
    let nulls = raw.nulls.as_ref();
    let nulls = nulls.and_then(|n| findings.choose(&format!("{path}.nulls"), "place", n, &places));
    Some(IndexKey {
        of,
        collate,
        opclass,
        descending: sort.unwrap_or(false),
        nulls,
    })
}
