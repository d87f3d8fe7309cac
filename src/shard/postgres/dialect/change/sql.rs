//! Statements written by hand.

use super::{Deed, Place, RESET_PATH, Scope, path, session_path, unmark, when};
use crate::migration::{Sql, SqlStage};
use crate::shard::postgres::dialect::action::{Action, Load, Mode, is_marked};

const LOCK: &str = "as your statement takes it";

pub(super) fn run(scope: &Scope<'_>, sql: &Sql) -> Deed {
    // Ids as earlier versions had them: marks on a shard name them.
    let place = scope.number - 1;
    let (id, back) = match sql.at {
        SqlStage::Expand => (
            format!("expand/sql/{place}"),
            format!("undo_expand/sql/{place}"),
        ),
        SqlStage::Contract => (
            format!("drop/sql/{place}"),
            format!("undo_drop/sql/{place}"),
        ),
    };
    let (is_done, mode) = match &sql.probe {
        Some(probe) => (format!("coalesce(({probe}), false)"), Mode::Alone),
        None => (is_marked(&id), Mode::Transaction),
    };
    let within = |statements: Vec<String>| match (&sql.schema, mode) {
        (None, _) => statements,
        (Some(schema), Mode::Transaction) => [path(schema)].into_iter().chain(statements).collect(),
        (Some(schema), Mode::Alone | Mode::Build) => {
            let mut all = vec![session_path(schema)];
            all.extend(statements);
            all.push(RESET_PATH.to_owned());
            all
        }
    };
    let undone = when(&format!("NOT {is_done}"));
    let undo = sql.down.as_ref().map(|down| Action {
        id: back,
        title: format!("undo sql {}", scope.number),
        probe: undone,
        statements: within(vec![down.clone(), unmark(&id)]),
        mode,
        load: Load::Brief,
        lock: LOCK,
    });
    Deed {
        place: match sql.at {
            SqlStage::Expand => Place::Expand,
            SqlStage::Contract => Place::Drop,
        },
        run: vec![Action {
            id,
            title: format!("sql {}", scope.number),
            probe: when(&is_done),
            statements: within(vec![sql.up.clone()]),
            mode,
            load: Load::Brief,
            lock: LOCK,
        }],
        undo: undo.into_iter().collect(),
    }
}
