//! The trigger's body once the old form is retired, and while it is brought
//! back: the new form is the truth, the old one follows.

use super::catalog::Column;
use super::form::{Form, NewColumn};
use super::mapping::Mapping;
use super::trigger::{any_changed, null_in_not_null, old_follows, old_is_unset, refuse};
use crate::base::{Ident, code};

/// Old values from which the new one follows stay as they are, whatever the
/// round trip makes of them: a way back then gives them again. They go with
/// the first write of anything that a `down` reads, all of a row at once.
pub(super) fn new_body(form: &Form) -> String {
    let head = "DECLARE\n  follows boolean;\n  stays boolean;\nBEGIN";
    let mut lines = vec![head.to_owned()];
    let replacing = form.columns.iter().filter(|c| !c.down.is_empty());
    lines.extend(replacing.map(|column| retired(form, column)));
    lines.push("  RETURN NEW;\nEND".into());
    lines.join("\n")
}

fn retired(form: &Form, column: &NewColumn) -> String {
    let follows = match column.rule() {
        Some(up) => format!(
            "NEW.{} IS NOT DISTINCT FROM {}",
            column.name,
            up.call("NEW")
        ),
        None => "false".into(),
    };
    let wrong = format!("NOT {}", old_follows(column));
    let refusals = |is_told: &dyn Fn(&Column) -> String| -> String {
        let olds = column.down.iter().map(|(old, down)| {
            let refusal = refuse(
                code::OLD_TOO_LATE,
                &format!("pilothouse: column {} is retired", old.name.as_str()),
                &format!("write column {} instead", column.shown()),
            );
            let differs = format!("NEW.{} IS DISTINCT FROM {}", old.name, down.call("NEW"));
            format!(
                "      IF {differs} AND {} THEN {refusal} END IF;",
                is_told(old)
            )
        });
        olds.collect::<Vec<_>>().join("\n")
    };
    let changed = refusals(&|old| format!("NEW.{0} IS DISTINCT FROM OLD.{0}", old.name));
    let given = refusals(&|_| format!("NOT {}", old_is_unset(column)));
    let mut read: Vec<String> = Vec::new();
    for (_, down) in &column.down {
        read.extend(read_by(form, down));
    }
    let names: Vec<String> = column
        .down
        .iter()
        .map(|(old, _)| format!("NEW.{}", old.name))
        .collect();
    let made: Vec<String> = column
        .down
        .iter()
        .map(|(_, down)| down.call("NEW"))
        .collect();
    format!(
        "  follows := {follows};
  IF {wrong} THEN
    IF TG_OP = 'UPDATE' THEN
{changed}
      stays := follows;
      IF {touched} THEN stays := false; END IF;
    ELSE
      IF NOT follows THEN
{given}
      END IF;
      -- A row that moves to another partition, unless it cannot be one.
      stays := follows AND NOT {impossible};
    END IF;
    IF NOT stays THEN SELECT {made} INTO {names}; END IF;
  END IF;",
        touched = any_changed(&read),
        impossible = null_in_not_null(column),
        made = made.join(", "),
        names = names.join(", "),
    )
}

/// What `down` reads, but for the columns that are replaced.
fn read_by(form: &Form, down: &Mapping) -> Vec<String> {
    let is_old = |name: &Ident| form.replaced().any(|(_, old, _)| old.name == *name);
    let read = down.inputs.iter().filter(|input| !is_old(&input.column));
    read.map(|input| input.column.to_string()).collect()
}

pub(super) fn restore_body(form: &Form) -> String {
    let mut lines = vec!["BEGIN".to_owned()];
    for (_, old, down) in form.replaced() {
        lines.push(format!(
            "  IF TG_OP = 'INSERT' OR {} THEN\n    NEW.{} := {};\n  END IF;",
            any_changed(&read_by(form, down)),
            old.name,
            down.call("NEW")
        ));
    }
    lines.push("  RETURN NEW;\nEND".into());
    lines.join("\n")
}
