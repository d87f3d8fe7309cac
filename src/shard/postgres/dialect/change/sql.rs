//! Statements written by hand.

use super::{Deed, Place, Scope, unmark, when};
use crate::migration::{Sql, SqlStage};
use crate::shard::postgres::dialect::action::{Action, Mode, is_marked};

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
    let undone = when(&format!("NOT {is_done}"));
    let undo = sql.down.as_ref().map(|down| Action {
        id: back,
        title: format!("undo sql {}", scope.number),
        probe: undone,
        statements: vec![down.clone(), unmark(&id)],
        mode,
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
            statements: vec![sql.up.clone()],
            mode,
            lock: LOCK,
        }],
        undo: undo.into_iter().collect(),
    }
}
