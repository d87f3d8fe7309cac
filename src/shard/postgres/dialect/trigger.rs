//! The one trigger of a table: who may write what, under each authority.
//!
//! Its WHEN clause asks "is this row right already?" with the inlined `up`
//! (or `down`), so a row that is right, such as one the backfill writes,
//! never pays for a function call. One definition of `up`, no bypass.

use super::action::MARK;
use super::form::{Form, Label, NewColumn};
use super::mapping::{Mapping, PINS};
use super::retired::{new_body, restore_body};
use crate::base::{Ident, code, quote_literal};
use crate::migration::{Fill, TokenKind, tokens};

/// Who may write what on a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    /// The old form is the truth.
    Old,
    /// The side that the statement changed wins.
    Both,
    /// The new form is the truth; the old one is hidden but maintained.
    New,
    /// As `New`, while dropped columns are being brought back: a statement
    /// that leaves the new form alone may set the old one.
    Restore,
}

impl Authority {
    /// The word kept on the shard.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::Both => "both",
            Self::New => "new",
            Self::Restore => "restore",
        }
    }
}

/// Statements that put an authority in place, for one transaction. Taking the
/// lock first means that no statement runs half under the old rule.
pub(crate) fn install(form: &Form, authority: Authority) -> Vec<String> {
    let (table, trigger) = (form.qualified(), form.trigger());
    let mut statements = vec![format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")];
    let condition = condition(form, authority);
    if condition.is_empty() {
        // Nothing is replaced, so nothing has to be kept up any more.
        statements.push(format!("DROP TRIGGER IF EXISTS {trigger} ON {table}"));
        statements.push(forget_row(form));
        return statements;
    }
    statements.push(function(form, authority));
    statements.push(format!(
        "CREATE OR REPLACE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW\n  WHEN ({condition})\n  EXECUTE FUNCTION pilothouse.dual_{}()",
        form.tag
    ));
    statements.push(format!(
        "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"
    ));
    statements.push(remember_row(form, authority));
    statements
}

/// Statements that take trigger and functions away.
pub(crate) fn remove(form: &Form) -> Vec<String> {
    let mut statements = vec![
        format!(
            "DROP TRIGGER IF EXISTS {} ON {}",
            form.trigger(),
            form.qualified()
        ),
        format!("DROP FUNCTION IF EXISTS pilothouse.dual_{}()", form.tag),
        forget_row(form),
    ];
    statements.extend(form.ruled().map(|(_, up)| up.drop()));
    statements.extend(form.replaced().map(|(_, _, down)| down.drop()));
    statements
}

fn names(form: &Form) -> (String, String) {
    (
        quote_literal(form.table.schema.as_str()),
        quote_literal(form.table.table.as_str()),
    )
}

fn remember_row(form: &Form, authority: Authority) -> String {
    let (schema, table) = names(form);
    let (trigger, word) = (quote_literal(&form.trigger()), authority.word());
    format!(
        "INSERT INTO pilothouse.dual_write (schema_name, table_name, trigger_name, authority, trigger_xmin)\n  SELECT {schema}, {table}, {trigger}, '{word}', {MARK} FROM pg_trigger t\n  WHERE t.tgrelid = {}::regclass AND t.tgname = {trigger}\n  ON CONFLICT (schema_name, table_name) DO UPDATE SET authority = excluded.authority, trigger_name = excluded.trigger_name, trigger_xmin = excluded.trigger_xmin",
        quote_literal(&form.qualified())
    )
}

fn forget_row(form: &Form) -> String {
    let (schema, table) = names(form);
    format!(
        "DELETE FROM pilothouse.dual_write WHERE schema_name = {schema} AND table_name = {table}"
    )
}

/// When the function has to look at a row.
fn condition(form: &Form, authority: Authority) -> String {
    let old_is_wrong = || {
        form.replaced()
            .map(|(_, old, down)| format!("NEW.{} IS DISTINCT FROM {}", old.name, down.call("NEW")))
    };
    let new_is_wrong = || {
        form.ruled().map(|(column, up)| match column.fill {
            Fill::Always => format!("NEW.{} IS DISTINCT FROM {}", column.name, up.call("NEW")),
            Fill::Once => format!("NEW.{} IS NULL", column.name),
        })
    };
    let (terms, noted): (Vec<String>, _) = match (authority, &form.label) {
        (Authority::Old, _) => (new_is_wrong().collect(), false),
        (Authority::Both, None) => {
            let missing = form.columns.iter().map(null_in_not_null);
            let missing = missing.filter(|term| term != "false");
            (new_is_wrong().chain(missing).collect(), false)
        }
        // A row may suit the old form alone; then its writer decides.
        (Authority::Both, Some(_)) => (new_is_wrong().chain(old_is_wrong()).collect(), true),
        (Authority::New | Authority::Restore, _) => (old_is_wrong().collect(), false),
    };
    if noted && !terms.is_empty() {
        return format!("({}) AND {NOTE_PATH}", terms.join(" OR "));
    }
    terms.join(" OR ")
}

/// The function has a search path of its own; the condition is the last place
/// where the writer's can be seen. Prepared statements and settings of roles
/// are no matter here: it is the path at the moment of the write.
pub(super) const NOTE_PATH: &str =
    "set_config('pilothouse.path', current_schemas(false)::text, true) IS NOT NULL";

fn function(form: &Form, authority: Authority) -> String {
    let body = match authority {
        Authority::Old => old_body(form),
        Authority::Both => both_body(form),
        Authority::New => new_body(form),
        Authority::Restore => restore_body(form),
    };
    // Names and defaults of the table stand in the body: none may end it.
    let mut quote = "dual".to_owned();
    while body.contains(&format!("${quote}$")) {
        quote.push('_');
    }
    // SECURITY DEFINER: the application has no right to our schema, and its
    // session settings must not reach the expressions.
    format!(
        "CREATE OR REPLACE FUNCTION pilothouse.dual_{}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER\n  {PINS}\nAS ${quote}$\n{body}\n${quote}$",
        form.tag
    )
}

pub(super) fn refuse(code: &str, message: &str, hint: &str) -> String {
    format!(
        "RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = {}, HINT = {};",
        quote_literal(message),
        quote_literal(hint)
    )
}

fn old_body(form: &Form) -> String {
    let mut lines = vec!["BEGIN".to_owned()];
    for (column, up) in form.ruled() {
        let (name, made) = (&column.name, up.call("NEW"));
        if column.fill == Fill::Once {
            lines.push(format!(
                "  IF NEW.{name} IS NULL THEN NEW.{name} := {made}; END IF;"
            ));
            continue;
        }
        let refusal = refuse(
            code::NEW_TOO_EARLY,
            &format!(
                "pilothouse: column {} is not open for writing yet",
                column.shown()
            ),
            "write the old form until the flag says otherwise",
        );
        lines.push(format!("  IF NEW.{name} IS DISTINCT FROM {made} THEN"));
        lines.push(format!(
            "    IF TG_OP = 'UPDATE' THEN\n      IF NEW.{name} IS DISTINCT FROM OLD.{name} THEN {refusal} END IF;\n    ELSIF NEW.{name} IS NOT NULL THEN {refusal}\n    END IF;"
        ));
        lines.push(format!("    NEW.{name} := {made};\n  END IF;"));
    }
    lines.push("  RETURN NEW;\nEND".into());
    lines.join("\n")
}

/// Columns of the row that make up the old side of a new column.
fn old_side(column: &NewColumn, up: &Mapping) -> Vec<String> {
    let mut side: Vec<String> = up.inputs.iter().map(|i| i.column.to_string()).collect();
    for (old, _) in &column.down {
        let name = old.name.to_string();
        if !side.contains(&name) {
            side.push(name);
        }
    }
    side
}

/// Byte by byte: some types have no `=`, and an expression may tell apart what
/// `=` does not.
pub(super) fn any_changed(columns: &[String]) -> String {
    let of = |row: &str| {
        let values: Vec<String> = columns.iter().map(|c| format!("{row}.{c}")).collect();
        values.join(", ")
    };
    if columns.is_empty() {
        "false".into()
    } else {
        format!(
            "(NOT record_image_eq(ROW({}), ROW({})))",
            of("NEW"),
            of("OLD")
        )
    }
}

fn set_old(column: &NewColumn, indent: &str) -> String {
    let lines: Vec<String> = column
        .down
        .iter()
        .map(|(old, down)| format!("{indent}NEW.{} := {};", old.name, down.call("NEW")))
        .collect();
    if lines.is_empty() {
        format!("{indent}NULL;")
    } else {
        lines.join("\n")
    }
}

/// "The old side says what the new side says."
pub(super) fn old_follows(column: &NewColumn) -> String {
    let terms: Vec<String> = column
        .down
        .iter()
        .map(|(old, down)| format!("NEW.{} IS NOT DISTINCT FROM {}", old.name, down.call("NEW")))
        .collect();
    if terms.is_empty() {
        "false".into()
    } else {
        format!("({})", terms.join(" AND "))
    }
}

/// "Nobody set the old side": NULL, or what the column would get by itself.
pub(super) fn old_is_unset(column: &NewColumn) -> String {
    let terms: Vec<String> = column
        .down
        .iter()
        .map(|(old, _)| match &old.default {
            Some(default) => format!(
                "(NEW.{0} IS NULL OR NEW.{0} IS NOT DISTINCT FROM ({default}))",
                old.name
            ),
            None => format!("NEW.{} IS NULL", old.name),
        })
        .collect();
    if terms.is_empty() {
        "true".into()
    } else {
        format!("({})", terms.join(" AND "))
    }
}

/// Counts old-form writers and remembers their names once per session: what
/// retire waits for.
const NOTE_OLD_WRITER: &str = "    PERFORM nextval('pilothouse.old_write_count');
    INSERT INTO pilothouse.old_writer (pid, application_name, user_name, first_at)
      VALUES (pg_backend_pid(), current_setting('application_name'), session_user, clock_timestamp())
      ON CONFLICT (pid) DO NOTHING;";

/// A session that belongs to no version and says nothing itself: what it means
/// has to be told from the row. Counted, and named once per session.
const NOTE_UNLABELLED: &str = "    IF writer IS NULL THEN
      PERFORM nextval('pilothouse.unlabelled_write_count');
      INSERT INTO pilothouse.unlabelled_writer (pid, application_name, user_name, first_at)
        VALUES (pg_backend_pid(), current_setting('application_name'), session_user, clock_timestamp())
        ON CONFLICT (pid) DO NOTHING;
    END IF;";

fn both_body(form: &Form) -> String {
    let mut lines = vec![
        "DECLARE".to_owned(),
        "  writer text := nullif(current_setting('pilothouse.writer', true), '');".into(),
        "BEGIN".into(),
    ];
    let label = form.label.as_ref();
    lines.extend(label.map(|label| read_label(label, NOTE_UNLABELLED)));
    for (column, up) in form.ruled() {
        lines.push(match column.fill {
            Fill::Always => both_column(form, column, up),
            Fill::Once => format!(
                "  IF NEW.{0} IS NULL THEN NEW.{0} := {1}; END IF;",
                column.name,
                up.call("NEW")
            ),
        });
    }
    lines.push("  RETURN NEW;\nEND".into());
    lines.join("\n")
}

/// The first schema of the writer's path that belongs to a version decides.
/// An explicit label stands above it; `unlabelled` is done where neither tells.
pub(super) fn read_label(label: &Label, unlabelled: &str) -> String {
    let name = |ident: &Ident| quote_literal(ident.as_str());
    let old: Vec<String> = label.old.iter().map(name).collect();
    format!(
        "  IF writer IS NULL THEN
    SELECT CASE WHEN e.name = {new} THEN 'new version' ELSE 'old version' END INTO writer
      FROM unnest(nullif(current_setting('pilothouse.path', true), '')::name[]) WITH ORDINALITY AS e(name, place)
      WHERE e.name IN ({new}, {old}) ORDER BY e.place LIMIT 1;
{unlabelled}
  END IF;",
        new = name(&label.new),
        old = old.join(", "),
    )
}

/// On UPDATE the side that the statement changed wins; on INSERT it is told
/// by `insert`.
fn both_column(form: &Form, column: &NewColumn, up: &Mapping) -> String {
    let (name, made) = (&column.name, up.call("NEW"));
    let conflict = conflict(column);
    let old_changed = any_changed(&old_side(column, up));
    let follows = old_follows(column);
    let to_old = set_old(column, "      ");
    let insert = match form.label {
        Some(_) => labelled_insert(column, up),
        None => unlabelled_insert(column, up),
    };
    format!(
        "  IF TG_OP = 'UPDATE' THEN
    IF NEW.{name} IS DISTINCT FROM OLD.{name} THEN
      IF {old_changed} AND NEW.{name} IS DISTINCT FROM {made} AND NOT {follows} THEN {conflict} END IF;
{to_old}
    ELSIF {old_changed} THEN
      NEW.{name} := {made};
  {NOTE_OLD_WRITER}
    END IF;
{insert}"
    )
}

fn conflict(column: &NewColumn) -> String {
    refuse(
        code::FORMS_DISAGREE,
        &format!(
            "pilothouse: the old form and {} were both written and do not agree",
            column.shown()
        ),
        "write one form, or set pilothouse.writer to 'old' or 'new' for the session",
    )
}

/// Both columns have names of their own, and anybody may write both.
fn unlabelled_insert(column: &NewColumn, up: &Mapping) -> String {
    let (name, made) = (&column.name, up.call("NEW"));
    let missing = null_in_not_null(column);
    let (follows, unset) = (old_follows(column), old_is_unset(column));
    let (conflict, to_old) = (conflict(column), set_old(column, "      "));
    format!(
        "  ELSIF NEW.{name} IS DISTINCT FROM {made} OR NEW.{name} IS NOT NULL AND {missing} THEN
    IF writer = 'new' THEN
{to_old}
    ELSIF NEW.{name} IS NULL THEN
      NEW.{name} := {made};
  {NOTE_OLD_WRITER}
    ELSIF {follows} THEN
      NULL;  -- right already: a row that moves to another partition
    ELSIF writer = 'old' THEN
      NEW.{name} := {made};
  {NOTE_OLD_WRITER}
    ELSIF {unset} THEN
{to_old}
    ELSE
      {conflict}
    END IF;
  END IF;"
    )
}

/// A version's view shows one of the two columns: who writes the new one uses
/// the new view, whatever the path says, and what stands in the old one then
/// is its default. Only a NULL leaves open who wrote it.
fn labelled_insert(column: &NewColumn, up: &Mapping) -> String {
    let (name, made) = (&column.name, up.call("NEW"));
    let constant = |default: &Option<String>| default.as_deref().is_none_or(is_constant);
    let unset = match column.down.iter().all(|(old, _)| constant(&old.default)) {
        true => old_is_unset(column),
        // Nobody can tell what the server made up from what was written.
        false => "true".into(),
    };
    let missing = null_in_not_null(column);
    let (follows, to_old) = (old_follows(column), set_old(column, "      "));
    format!(
        "  ELSIF coalesce(writer, '') = 'old' OR NEW.{name} IS NULL AND NOT (coalesce(writer, '') IN ('new', 'new version') AND {unset}) THEN
    IF NEW.{name} IS DISTINCT FROM {made} THEN
      NEW.{name} := {made};
  {NOTE_OLD_WRITER}
    END IF;
  ELSIF NOT {follows} AND (NEW.{name} IS DISTINCT FROM {made} OR NEW.{name} IS NULL OR {missing}) THEN
{to_old}
  END IF;"
    )
}

/// A literal, with whatever casts.
fn is_constant(default: &str) -> bool {
    let Ok(all) = tokens(default) else {
        return false;
    };
    let mut casts = false;
    all.iter().all(|token| match &token.kind {
        TokenKind::Text | TokenKind::Number | TokenKind::Space => true,
        TokenKind::Word(word) => casts || matches!(word.as_str(), "null" | "true" | "false"),
        TokenKind::Quoted(_) => casts,
        _ => {
            casts = casts || token.text == "::";
            matches!(token.text, "::" | "-" | "(" | ")" | "[" | "]" | "," | ".")
        }
    })
}

/// "The old side has no value where it must have one": a writer who does not
/// know it.
pub(super) fn null_in_not_null(column: &NewColumn) -> String {
    let needed = column.down.iter().filter(|(old, _)| old.not_null);
    let terms: Vec<String> = needed
        .map(|(old, _)| format!("NEW.{} IS NULL", old.name))
        .collect();
    match terms.is_empty() {
        true => "false".into(),
        false => format!("({})", terms.join(" OR ")),
    }
}
