//! Checks each `[[operation]]` by itself.

mod index;
mod rule;
mod tables;

use crate::base::{Findings, Ident};
use crate::migration::expression::ExpressionError;
use crate::migration::expression_check::{
    check_expression, check_query, check_statements, columns_read, outside_transaction,
    transaction_word,
};
use crate::migration::model::{
    AddColumn, Backfill, CreateConstraint, DropConstraint, DropIndex, DropTable, Fill, Operation,
    RenameColumn, RenameConstraint, RenameTable, ReplicaIdentity, SetReplicaIdentity, Sql,
    SqlStage, TableName,
};
use crate::migration::raw_operation::{
    RawAddColumn, RawBackfill, RawCreateConstraint, RawNamed, RawOperation, RawRename,
    RawSetReplicaIdentity, RawSql,
};
use crate::migration::sql_type::check_type;
use crate::migration::table_name::TableNameError;
use std::collections::{BTreeMap, BTreeSet};

/// The operation, if nothing essential is wrong with it.
pub(super) fn operation(
    path: &str,
    raw: &RawOperation,
    findings: &mut Findings<'_>,
) -> Option<Operation> {
    match raw {
        RawOperation::AddColumn(raw) => add_column(path, raw, findings).map(Operation::AddColumn),
        RawOperation::AlterColumn(raw) => {
            tables::alter_column(path, raw, findings).map(Operation::AlterColumn)
        }
        RawOperation::Backfill(raw) => backfill(path, raw, findings).map(Operation::Backfill),
        RawOperation::CreateConstraint(raw) => {
            create_constraint(path, raw, findings).map(Operation::CreateConstraint)
        }
        RawOperation::CreateIndex(raw) => {
            index::create_index(path, raw, findings).map(Operation::CreateIndex)
        }
        RawOperation::CreateTable(raw) => {
            tables::create_table(path, raw, findings).map(Operation::CreateTable)
        }
        RawOperation::DropColumn(raw) => {
            tables::drop_column(path, raw, findings).map(Operation::DropColumn)
        }
        RawOperation::DropConstraint(raw) => {
            drop_constraint(path, raw, findings).map(Operation::DropConstraint)
        }
        RawOperation::DropIndex(raw) => {
            let index = named_table(path, "index", &raw.index, findings)?;
            Some(Operation::DropIndex(DropIndex { index }))
        }
        RawOperation::DropTable(raw) => {
            let table = table(path, &raw.table, findings)?;
            Some(Operation::DropTable(DropTable { table }))
        }
        RawOperation::RenameColumn(raw) => {
            let (table, from, to) = renamed(path, raw, findings)?;
            Some(Operation::RenameColumn(RenameColumn { table, from, to }))
        }
        RawOperation::RenameTable(raw) => {
            let table = table(path, &raw.table, findings);
            let to = column(&format!("{path}.to"), &raw.to, findings);
            Some(Operation::RenameTable(RenameTable {
                table: table?,
                to: to?,
            }))
        }
        RawOperation::RenameConstraint(raw) => {
            let (table, from, to) = renamed(path, raw, findings)?;
            Some(Operation::RenameConstraint(RenameConstraint {
                table,
                from,
                to,
            }))
        }
        RawOperation::SetReplicaIdentity(raw) => {
            replica_identity(path, raw, findings).map(Operation::SetReplicaIdentity)
        }
        RawOperation::Sql(raw) => Some(Operation::Sql(sql(path, raw, findings))),
    }
}

fn create_constraint(
    path: &str,
    raw: &RawCreateConstraint,
    findings: &mut Findings<'_>,
) -> Option<CreateConstraint> {
    let table = table(path, &raw.table, findings);
    let path = format!("{path}.constraint");
    let made = rule::named(&path, &raw.constraint, &[], findings)?;
    Some(CreateConstraint {
        table: table?,
        name: made.name?,
        rule: made.rule,
    })
}

fn drop_constraint(
    path: &str,
    raw: &RawNamed,
    findings: &mut Findings<'_>,
) -> Option<DropConstraint> {
    let table = table(path, &raw.table, findings);
    let name = column(&format!("{path}.name"), &raw.name, findings);
    Some(DropConstraint {
        table: table?,
        name: name?,
    })
}

/// Table, old name, new name.
fn renamed(
    path: &str,
    raw: &RawRename,
    findings: &mut Findings<'_>,
) -> Option<(TableName, Ident, Ident)> {
    let table = table(path, &raw.table, findings);
    let from = column(&format!("{path}.from"), &raw.from, findings);
    let to = column(&format!("{path}.to"), &raw.to, findings);
    if from.is_some() && from == to {
        let remedy = "give it another name, or remove the operation";
        findings.report(&format!("{path}.to"), "this is its name already", remedy);
    }
    Some((table?, from?, to?))
}

fn replica_identity(
    path: &str,
    raw: &RawSetReplicaIdentity,
    findings: &mut Findings<'_>,
) -> Option<SetReplicaIdentity> {
    let table = table(path, &raw.table, findings);
    let index_path = format!("{path}.index");
    let index = raw.index.as_ref();
    let index = index.and_then(|name| column(&index_path, name, findings));
    let words = [("default", 0), ("full", 1), ("nothing", 2), ("index", 3)];
    let path = format!("{path}.identity");
    let chosen = findings.choose(&path, "identity", &raw.identity, &words)?;
    if (chosen == 3) != raw.index.is_some() {
        let message = "index names the index of identity = \"index\", and nothing else";
        findings.report(&path, message, "give both, or neither");
    }
    let identity = match (chosen, index) {
        (0, _) => ReplicaIdentity::Default,
        (1, _) => ReplicaIdentity::Full,
        (2, _) => ReplicaIdentity::Nothing,
        (_, index) => ReplicaIdentity::Index(index?),
    };
    Some(SetReplicaIdentity {
        table: table?,
        identity,
    })
}

fn add_column(path: &str, raw: &RawAddColumn, findings: &mut Findings<'_>) -> Option<AddColumn> {
    let table = table(path, &raw.table, findings);
    let name_path = format!("{path}.column.name");
    let column = column(&name_path, &raw.column.name, findings);
    type_of(
        &format!("{path}.column.type"),
        &raw.column.sql_type,
        findings,
    );
    if let Some(default) = &raw.column.default {
        expression(&format!("{path}.column.default"), default, findings);
    }
    if let Some(up) = &raw.up {
        expression(&format!("{path}.up"), up, findings);
        if columns_read(up).contains(&raw.column.name) {
            let message = format!(
                "up reads {:?}, the very column that it computes",
                raw.column.name
            );
            findings.report(
                &format!("{path}.up"),
                message,
                "compute it from old columns only",
            );
        }
    }
    if !raw.column.nullable && raw.up.is_none() && raw.column.default.is_none() {
        findings.report(
            &format!("{path}.column.nullable"),
            format!(
                "{:?} is NOT NULL, but nothing gives it a value",
                raw.column.name
            ),
            "add up (from old columns) or column.default, or make it nullable",
        );
    }
    let down = down(path, raw, findings);
    Some(AddColumn {
        table: table?,
        column: column?,
        sql_type: raw.column.sql_type.trim().to_owned(),
        nullable: raw.column.nullable,
        default: raw.column.default.clone(),
        up: raw.up.clone(),
        down,
        fill: fill(path, raw, findings),
        comment: raw.column.comment.clone(),
    })
}

fn fill(path: &str, raw: &RawAddColumn, findings: &mut Findings<'_>) -> Fill {
    let Some(text) = &raw.fill else {
        return Fill::Always;
    };
    let path = format!("{path}.fill");
    let choices = [("always", Fill::Always), ("once", Fill::Once)];
    let fill = findings
        .choose(&path, "choice", text, &choices)
        .unwrap_or(Fill::Always);
    if raw.up.is_none() {
        findings.report(
            &path,
            "fill says when up is evaluated, but there is no up",
            "add up, or remove fill",
        );
    }
    fill
}

fn down(path: &str, raw: &RawAddColumn, findings: &mut Findings<'_>) -> BTreeMap<Ident, String> {
    let list = format!("{path}.down");
    if !raw.down.is_empty() && raw.up.is_none() {
        let message = "down replaces old columns, but without up nothing fills the new one";
        findings.report(&list, message, "add up, or remove down");
    }
    let mut down = BTreeMap::new();
    for (old, sql) in &raw.down {
        let path = format!("{list}.{old}");
        let name = column(&path, old, findings);
        expression(&path, sql, findings);
        if *old == raw.column.name {
            let message = format!("down computes {old:?}, which is the new column itself");
            let remedy = "name the old columns that it replaces: down = { old_column = \"expression over the new row\" }";
            findings.report(&path, message, remedy);
        } else if columns_read(sql).contains(old) {
            let message = format!("down reads {old:?}, the very column that it computes");
            findings.report(&path, message, "compute it from the new column");
        }
        down.extend(name.map(|name| (name, sql.clone())));
    }
    down
}

fn sql(path: &str, raw: &RawSql, findings: &mut Findings<'_>) -> Sql {
    let stages = [
        ("expand", SqlStage::Expand),
        ("contract", SqlStage::Contract),
    ];
    let at = raw.at.as_ref();
    let at = at.and_then(|at| findings.choose(&format!("{path}.at"), "stage", at, &stages));
    let at = at.unwrap_or_default();
    if raw.down.is_none() && at == SqlStage::Expand && !raw.irreversible {
        findings.report(
            &format!("{path}.down"),
            "nothing undoes these statements",
            "add down, which a roll back runs, or say irreversible = true: then a roll back leaves what they did",
        );
    }
    if raw.down.is_some() && raw.irreversible {
        findings.report(
            &format!("{path}.irreversible"),
            "down undoes what is said to be irreversible",
            "remove one of the two",
        );
    }
    let texts = [("up", Some(&raw.up)), ("down", raw.down.as_ref())];
    for (key, text) in texts {
        let Some(text) = text else { continue };
        let path = format!("{path}.{key}");
        if sql_error(&path, check_statements(text), text, findings) {
            continue;
        }
        if let Some(word) = transaction_word(text) {
            let message = format!(
                "\"{word}\" would break the transaction that pilothouse puts around the statements"
            );
            findings.report(&path, message, "remove it");
        }
        if let Some(word) = outside_transaction(text).filter(|_| raw.probe.is_none()) {
            findings.report(
                &path,
                format!("a statement with \"{word}\" cannot run in a transaction, so pilothouse must be able to ask whether it is done"),
                "add probe = \"select …\", which returns true when up is already in effect",
            );
        }
    }
    if let Some(probe) = &raw.probe {
        query(&format!("{path}.probe"), probe, findings);
    }
    Sql {
        up: raw.up.clone(),
        down: raw.down.clone(),
        probe: raw.probe.clone(),
        at,
        schema: raw
            .schema
            .as_ref()
            .and_then(|schema| column(&format!("{path}.schema"), schema, findings)),
    }
}

fn backfill(path: &str, raw: &RawBackfill, findings: &mut Findings<'_>) -> Option<Backfill> {
    let table = table(path, &raw.table, findings);
    let mut set = BTreeMap::new();
    if raw.set.is_empty() {
        let remedy = "write set = { column = \"expression\" }";
        findings.report(&format!("{path}.set"), "this backfill sets nothing", remedy);
    }
    for (name, sql) in &raw.set {
        let path = format!("{path}.set.{name}");
        expression(&path, sql, findings);
        let column = column(&path, name, findings);
        set.extend(column.map(|column| (column, sql.clone())));
    }
    Some(Backfill { table: table?, set })
}

fn table(path: &str, text: &str, findings: &mut Findings<'_>) -> Option<TableName> {
    named_table(path, "table", text, findings)
}

fn named_table(
    path: &str,
    key: &str,
    text: &str,
    findings: &mut Findings<'_>,
) -> Option<TableName> {
    findings.accept(
        &format!("{path}.{key}"),
        text.parse(),
        TableNameError::remedy(),
    )
}

fn type_of(path: &str, text: &str, findings: &mut Findings<'_>) {
    if let Err(error) = check_type(text) {
        findings.report(path, error.to_string(), error.remedy());
    }
}

/// An expression, where there is one.
fn optional(path: &str, sql: Option<&String>, findings: &mut Findings<'_>) {
    if let Some(sql) = sql {
        expression(path, sql, findings);
    }
}

fn column(path: &str, text: &str, findings: &mut Findings<'_>) -> Option<Ident> {
    findings.accept(
        path,
        Ident::new(text),
        "write the column as the catalog spells it, without quotes of its own",
    )
}

fn expression(path: &str, sql: &str, findings: &mut Findings<'_>) {
    sql_error(path, check_expression(sql), sql, findings);
}

/// One statement that returns one boolean.
pub(super) fn query(path: &str, sql: &str, findings: &mut Findings<'_>) {
    if sql_error(path, check_query(sql), sql, findings) {
        return;
    }
    let first = crate::migration::expression_check::first_word(sql);
    if first != "select" && first != "with" {
        let remedy = "write one SELECT that returns one boolean";
        findings.report(path, "this statement is not a SELECT", remedy);
    }
}

/// A name for people: a few words, and nobody else's among its like. `one` and
/// `many` are what has the name, `remedy` what it should say.
pub(super) fn named<'n>(
    path: &str,
    (one, many, remedy): (&str, &str, &str),
    name: &'n str,
    seen: &mut BTreeSet<&'n str>,
    findings: &mut Findings<'_>,
) {
    let path = format!("{path}.name");
    if name.is_empty() || name.contains(char::is_control) {
        findings.report(&path, format!("{one} needs a name"), remedy);
    } else if !seen.insert(name) {
        let message = format!("there are two {many} named {name:?}");
        findings.report(&path, message, "rename one of them");
    }
}

/// Whether there was an error, which is then reported.
pub(super) fn sql_error(
    path: &str,
    checked: Result<(), ExpressionError>,
    sql: &str,
    findings: &mut Findings<'_>,
) -> bool {
    let Err(error) = checked else { return false };
    let before = sql.get(..error.at).unwrap_or_default();
    let message = match before.is_empty() {
        true => error.to_string(),
        false => format!(
            "{error} (character {} of the SQL)",
            before.chars().count() + 1
        ),
    };
    findings.report(path, message, error.problem.remedy());
    true
}
