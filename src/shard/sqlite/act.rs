//! `Act` steps: is it so already, and bring it about. Each runs in one
//! transaction with its done-mark, so nothing is ever half-done by us.

use super::dialect::shape::TableShape;
use super::dialect::steps::{Action, expansion_id};
use super::dialect::trigger::Authority;
use super::dialect::work::{Expansion, TableWork, Work};
use super::dialect::{ddl, shape::ColumnShape};
use super::failure::refused;
use super::intact::{self, Found};
use super::statement::{as_number, rows, run, text, value};
use super::{catalog, install};
use crate::base::{Ident, code, quote_literal};
use crate::worker::{CallError, Probe};
use sqlx::SqliteConnection;

/// Is it so already?
pub(super) async fn probe(
    conn: &mut SqliteConnection,
    work: &Work,
    action: Action,
) -> Result<Probe, CallError> {
    match action {
        Action::Expand(expansion) => expanded(conn, work, expansion).await,
        Action::Unexpand(expansion) => removed(conn, work, expansion).await,
        Action::DualWrite => installed(conn, work, Authority::Old).await,
        Action::Switch(authority) => installed(conn, work, authority).await,
        Action::Remove => {
            let mut all = match intact::present(conn, work).await?.len() {
                0 => Probe::Already,
                _ => Probe::Absent,
            };
            for expansion in &work.expand {
                if removed(conn, work, *expansion).await? != Probe::Already {
                    all = Probe::Absent;
                }
            }
            Ok(all)
        }
        Action::DropOld => {
            let triggers = intact::present(conn, work).await?.len();
            let (there, gone) = old_columns(conn, work).await?;
            Ok(match (there + triggers, gone) {
                (0, _) => Probe::Already,
                (_, 0) => Probe::Absent,
                _ => Probe::Half,
            })
        }
        Action::BringBack => {
            let (_, gone) = old_columns(conn, work).await?;
            if gone > 0 {
                return Ok(Probe::Absent);
            }
            installed(conn, work, Authority::New).await
        }
    }
}

async fn expanded(
    conn: &mut SqliteConnection,
    work: &Work,
    expansion: Expansion,
) -> Result<Probe, CallError> {
    let marked = install::has_mark(conn, &expansion_id(work, expansion)).await?;
    let there = match expansion {
        Expansion::Column(t, c) => {
            let table = &work.tables[t];
            catalog::has_column(conn, &table.table, &table.columns[c].name).await?
        }
        Expansion::Statement(i) => match &work.statements[i].probe {
            Some(probe) => return Ok(yes_or_no(is_true(conn, probe).await?)),
            None => marked,
        },
    };
    Ok(match (marked, there) {
        (true, true) => Probe::Already,
        (false, false) => Probe::Absent,
        _ => Probe::Half,
    })
}

async fn removed(
    conn: &mut SqliteConnection,
    work: &Work,
    expansion: Expansion,
) -> Result<Probe, CallError> {
    if let Expansion::Statement(i) = expansion
        && let Some(probe) = &work.statements[i].probe
    {
        return Ok(yes_or_no(!is_true(conn, probe).await?));
    }
    // Only what carries our mark is ours to take away.
    let marked = install::has_mark(conn, &expansion_id(work, expansion)).await?;
    Ok(yes_or_no(!marked))
}

fn yes_or_no(is_so: bool) -> Probe {
    if is_so { Probe::Already } else { Probe::Absent }
}

/// Runs a statement that returns one boolean.
pub(super) async fn is_true(conn: &mut SqliteConnection, sql: &str) -> Result<bool, CallError> {
    let found = value(conn, sql.to_owned()).await?;
    Ok(as_number(found.as_deref()) != 0)
}

async fn installed(
    conn: &mut SqliteConnection,
    work: &Work,
    authority: Authority,
) -> Result<Probe, CallError> {
    let noted = install::registry(conn).await?.and_then(|r| r.authority);
    let found = intact::compare(conn, work, authority).await?;
    Ok(match (noted == Some(authority), found) {
        (true, Found::All) => Probe::Already,
        (false, Found::None) => Probe::Absent,
        _ => Probe::Half,
    })
}

/// How many replaced columns are there, and how many are not.
async fn old_columns(
    conn: &mut SqliteConnection,
    work: &Work,
) -> Result<(usize, usize), CallError> {
    let (mut there, mut gone) = (0, 0);
    for table in &work.tables {
        for old in table.down.keys() {
            if catalog::has_column(conn, &table.table, old).await? {
                there += 1;
            } else {
                gone += 1;
            }
        }
    }
    Ok((there, gone))
}

/// Brings it about, in the caller's transaction.
pub(super) async fn apply(
    conn: &mut SqliteConnection,
    work: &Work,
    action: Action,
    epoch: u64,
) -> Result<(), CallError> {
    if probe(conn, work, action).await? == Probe::Already {
        return Ok(());
    }
    let version = install::schema_version(conn).await?;
    match action {
        Action::Expand(expansion) => expand(conn, work, expansion, epoch).await?,
        Action::Unexpand(expansion) => unexpand(conn, work, expansion).await?,
        Action::DualWrite => turn(conn, work, Authority::Old).await?,
        Action::Switch(authority) => {
            // The switch covers up that the triggers were away.
            match authority {
                Authority::New => intact::demand(conn, work).await?,
                Authority::Old => intact::void_if_touched(conn, work).await?,
            }
            turn(conn, work, authority).await?;
        }
        Action::Remove => {
            for table in &work.tables {
                run_all(conn, ddl::drop_triggers(&table.table)).await?;
            }
            intact::note(conn, work, None).await?;
            for expansion in work.expand.iter().rev() {
                if removed(conn, work, *expansion).await? != Probe::Already {
                    unexpand(conn, work, *expansion).await?;
                }
            }
        }
        Action::DropOld => drop_old(conn, work).await?,
        Action::BringBack => bring_back(conn, work).await?,
    }
    intact::note_own_change(conn, version).await
}

async fn run_all(conn: &mut SqliteConnection, statements: Vec<String>) -> Result<(), CallError> {
    for sql in statements {
        run(conn, sql).await?;
    }
    Ok(())
}

async fn expand(
    conn: &mut SqliteConnection,
    work: &Work,
    expansion: Expansion,
    epoch: u64,
) -> Result<(), CallError> {
    let id = expansion_id(work, expansion);
    if let Expansion::Column(t, c) = expansion {
        let (table, column) = (&work.tables[t], &work.tables[t].columns[c]);
        if catalog::has_column(conn, &table.table, &column.name).await? {
            return Err(refused(
                code::NAME_TAKEN,
                format!(
                    "{}.{} is there already and pilothouse did not add it",
                    table.table, column.name
                ),
            ));
        }
    }
    run_all(conn, ddl::action(work, &[], Action::Expand(expansion))).await?;
    install::mark(conn, &id, epoch).await
}

async fn unexpand(
    conn: &mut SqliteConnection,
    work: &Work,
    expansion: Expansion,
) -> Result<(), CallError> {
    let there = match expansion {
        Expansion::Column(t, c) => {
            let table = &work.tables[t];
            catalog::has_column(conn, &table.table, &table.columns[c].name).await?
        }
        Expansion::Statement(_) => true,
    };
    if there {
        run_all(conn, ddl::action(work, &[], Action::Unexpand(expansion))).await?;
    }
    install::unmark(conn, &expansion_id(work, expansion)).await
}

/// Installs the triggers of one direction in place of whatever is there.
async fn turn(
    conn: &mut SqliteConnection,
    work: &Work,
    authority: Authority,
) -> Result<(), CallError> {
    let shapes = catalog::shapes(conn, work).await?;
    for (table, shape) in work.tables.iter().zip(&shapes) {
        run_all(conn, ddl::set_triggers(table, shape, authority)).await?;
    }
    intact::note(conn, work, Some(authority)).await
}

async fn drop_old(conn: &mut SqliteConnection, work: &Work) -> Result<(), CallError> {
    for table in &work.tables {
        run_all(conn, ddl::drop_triggers(&table.table)).await?;
        let shape = catalog::shape(conn, &table.table).await?;
        for old in table.down.keys() {
            let Some(column) = shape.column(old) else {
                continue;
            };
            run(conn, keep_definition(table, column)).await?;
            run(conn, ddl::drop_column(&table.table, old)).await?;
        }
    }
    intact::note(conn, work, None).await
}

fn keep_definition(table: &TableWork, column: &ColumnShape) -> String {
    let default = column.default.as_deref().map(quote_literal);
    format!(
        "INSERT OR REPLACE INTO pilothouse_dropped VALUES ({}, {}, {}, {}, {})",
        quote_literal(table.table.as_str()),
        quote_literal(column.name.as_str()),
        quote_literal(&column.sql_type),
        u8::from(column.not_null),
        default.unwrap_or_else(|| "NULL".into()),
    )
}

async fn bring_back(conn: &mut SqliteConnection, work: &Work) -> Result<(), CallError> {
    intact::void_if_touched(conn, work).await?;
    for table in &work.tables {
        let kept = kept_definitions(conn, &table.table).await?;
        for old in table.down.keys() {
            if !catalog::has_column(conn, &table.table, old).await? {
                run(conn, ddl::bring_back(table, &kept, old)).await?;
            }
        }
    }
    turn(conn, work, Authority::New).await
}

async fn kept_definitions(
    conn: &mut SqliteConnection,
    table: &Ident,
) -> Result<TableShape, CallError> {
    let sql = format!(
        "SELECT col, sql_type, not_null, dflt FROM pilothouse_dropped WHERE tbl = {}",
        quote_literal(table.as_str())
    );
    let found = rows(conn, sql).await?;
    let columns = found.iter().filter_map(|row| {
        Some(ColumnShape {
            name: Ident::new(text(row, 0)?).ok()?,
            sql_type: text(row, 1).unwrap_or_default().to_owned(),
            not_null: text(row, 2) == Some("1"),
            default: text(row, 3).map(str::to_owned),
            key_place: 0,
        })
    });
    Ok(TableShape {
        keys: Vec::new(),
        columns: columns.collect(),
    })
}
