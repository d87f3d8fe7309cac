//! What a way back would lose once clients have used the new form: rows that
//! the old one cannot hold as they are. Counted at the end of shift, before
//! anybody can promote to contract.

use super::catalog::{Catalog, Column, Constraint, ConstraintKind, Table};
use super::form::Form;
use crate::base::Ident;
use crate::migration::{AlterColumn, Fill, Migration, Operation};

/// One kind of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// Which rows: `of shop.customer …`.
    pub(crate) rows: String,
    /// What becomes of them.
    pub(crate) fate: &'static str,
    /// One number, in one row.
    pub(crate) count: String,
}

const BLOCKS: &str = "a way back refuses until they are changed";
const GOES: &str = "a way back loses what only the new form holds";

/// Per operation, in the order of the file; then per column of a form.
pub(super) fn losses(migration: &Migration, catalog: &Catalog, forms: &[Form]) -> Vec<Loss> {
    let mut losses = Vec::new();
    for operation in &migration.operations {
        match operation {
            Operation::AlterColumn(alter) if !alter.has_second_form() => {
                if let Some(table) = catalog.table(&alter.table) {
                    losses.extend(altered(table, alter));
                }
            }
            Operation::DropConstraint(drop) => {
                let table = catalog.table(&drop.table);
                losses.extend(table.and_then(|table| {
                    let constraint = table.constraint(&drop.name)?;
                    breaches(table, constraint)
                }));
            }
            _ => {}
        }
    }
    losses.extend(forms.iter().flat_map(in_form));
    losses
}

/// Columns where they stand.
fn altered(table: &Table, alter: &AlterColumn) -> Vec<Loss> {
    let Some(column) = table.column(&alter.column) else {
        return Vec::new();
    };
    let mut losses = Vec::new();
    if let Some(condition) = alter.sql_type.as_ref().map(|to| misfit(column, to)) {
        let what = format!("{} does not fit {}", column.name.as_str(), column.sql_type);
        losses.push(of(table, &what, &condition));
    }
    if alter.nullable == Some(true) && column.not_null {
        let what = format!("{} is null", column.name.as_str());
        losses.push(of(table, &what, &format!("t.{} IS NULL", column.name)));
    }
    for name in &alter.drop_constraints {
        let constraint = table.constraint(name);
        losses.extend(constraint.and_then(|constraint| breaches(table, constraint)));
    }
    losses
}

fn of(table: &Table, what: &str, condition: &str) -> Loss {
    Loss {
        rows: format!("of {} of which {what}", table.name.plain()),
        fate: BLOCKS,
        count: format!("SELECT count(*) FROM {} AS t WHERE {condition}", table.name),
    }
}

/// "The value is another one in the old type." An explicit conversion cuts
/// off what is too long; only too large a number is an error there, and is
/// known by its size: `numeric(p,s)` holds less than 10 to the power p - s.
fn misfit(column: &Column, to: &str) -> String {
    let (name, from) = (&column.name, &column.sql_type);
    let digits = from
        .strip_prefix("numeric(")
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|rest| rest.split_once(','));
    let digits = digits.and_then(|(p, s)| Some((p.parse::<i32>().ok()?, s.parse::<i32>().ok()?)));
    match digits {
        Some((precision, scale)) => {
            let most = precision - scale;
            format!("abs(t.{name}) >= power(10::numeric, {most})")
        }
        None => format!("t.{name} IS DISTINCT FROM CAST(CAST(t.{name} AS {from}) AS {to})"),
    }
}

/// Rows that a constraint which is gone would refuse.
fn breaches(table: &Table, constraint: &Constraint) -> Option<Loss> {
    let name = constraint.name.as_str();
    let columns = &constraint.columns;
    match constraint.kind {
        ConstraintKind::Check => {
            let expression = in_brackets(&constraint.definition)?;
            let what = format!("check {name} is not true");
            Some(of(table, &what, &format!("NOT {expression}")))
        }
        ConstraintKind::ForeignKey => {
            let (_, target) = constraint.definition.split_once(" REFERENCES ")?;
            let (other, _) = target.split_once('(')?;
            let referenced = in_brackets(target)?;
            let mine: Vec<String> = columns.iter().map(|c| format!("t.{c}")).collect();
            let given: Vec<String> = mine.iter().map(|c| format!("{c} IS NOT NULL")).collect();
            let condition = format!(
                "{} AND NOT EXISTS (SELECT 1 FROM {other} AS o WHERE ROW{referenced} = ROW({}))",
                given.join(" AND "),
                mine.join(", "),
            );
            let what = format!("foreign key {name} finds nothing");
            Some(of(table, &what, &condition))
        }
        ConstraintKind::Key => Some(Loss {
            rows: format!(
                "of {} that {name} would refuse as doubles",
                table.name.plain()
            ),
            fate: BLOCKS,
            count: doubles(table, columns),
        }),
        _ => None,
    }
}

fn doubles(table: &Table, columns: &[Ident]) -> String {
    let list: Vec<String> = columns.iter().map(ToString::to_string).collect();
    let given: Vec<String> = list.iter().map(|c| format!("{c} IS NOT NULL")).collect();
    format!(
        "SELECT coalesce(sum(d.n - 1), 0)::bigint FROM (SELECT count(*) AS n FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1) d",
        table.name,
        given.join(" AND "),
        list.join(", ")
    )
}

/// The first part in brackets, with them: `((a > 0))`.
pub(crate) fn in_brackets(definition: &str) -> Option<&str> {
    let start = definition.find('(')?;
    let tokens = crate::migration::tokens(&definition[start..]).ok()?;
    let mut depth = 0;
    for token in tokens {
        match token.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return definition.get(start..start + token.start + token.text.len());
        }
    }
    None
}

/// Values of new columns that the old form does not give again.
fn in_form(form: &Form) -> Vec<Loss> {
    let losses = form.columns.iter().filter_map(|column| {
        let name = &column.name;
        let condition = match (&column.up, column.fill) {
            (Some(up), Fill::Always) => format!("t.{name} IS DISTINCT FROM {}", up.call("t")),
            // What was made up once may be anything.
            (Some(_), Fill::Once) => return None,
            (None, _) => format!("t.{name} IS NOT NULL"),
        };
        Some(Loss {
            rows: format!(
                "of {} whose {} the old form cannot give again",
                form.table.plain(),
                column.shown()
            ),
            fate: GOES,
            count: format!(
                "SELECT count(*) FROM {} AS t WHERE {condition}",
                form.qualified()
            ),
        })
    });
    losses.collect()
}
