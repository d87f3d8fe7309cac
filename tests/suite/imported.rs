//! pgroll's files, read as they are and turned into ours.

use pilothouse::migration::{self, Operation, pgroll};
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pgroll")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn ours(name: &str) -> String {
    pgroll::import(&text(name), Path::new(name), "shop").unwrap()
}

#[test]
fn what_a_file_of_pgrolls_becomes() {
    for name in ["01_tables.yaml", "02_columns.yaml", "03_the_rest.json"] {
        let ours = ours(name);
        insta::assert_snapshot!(name, ours);
        // What is written is what is read, by the way of every file of ours.
        migration::parse(&ours, Path::new(name)).unwrap_or_else(|bad| panic!("{bad}"));
    }
}

#[test]
fn a_file_is_read_as_it_is() {
    let loaded = migration::load(&folder().join("02_columns.yaml")).unwrap();
    assert_eq!(loaded.migration.name.as_str(), "02_columns");
    let words: Vec<&str> = loaded
        .migration
        .operations
        .iter()
        .map(Operation::word)
        .collect();
    let expected = [
        "add_column",
        "add_column",
        "add_column",
        "create_constraint",
        "rename_column",
        "drop_column",
        "alter_column",
    ];
    assert_eq!(words, expected);
    let Operation::AlterColumn(alter) = &loaded.migration.operations[6] else {
        panic!("not alter_column");
    };
    // A null is not a key that is missing.
    assert_eq!(alter.default, Some(migration::Change::Drop));
    assert_eq!(alter.comment, Some(migration::Change::Drop));
    // What is kept for a way back is in our words.
    let kept = migration::parse(&loaded.text, Path::new("kept.toml")).unwrap();
    assert_eq!(kept.migration.plan_digest(), loaded.migration.plan_digest());
}

#[test]
fn what_is_refused_is_refused_by_name() {
    for name in ["04_refused.yaml", "05_unknown.yaml"] {
        let found = pgroll::import(&text(name), Path::new(name), "public").unwrap_err();
        insta::assert_snapshot!(name, found);
    }
}

fn import(words: &[&str], to: &Path) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    command
        .arg("import")
        .arg(folder())
        .args(words)
        .arg("--to")
        .arg(to);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(said).unwrap(),
    )
}

#[test]
fn a_folder_is_imported_once() {
    let scratch = tempfile::tempdir().unwrap();
    let to = scratch.path().join("ours");
    let (code, said) = import(&["--schema", "shop"], &to);
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("04_refused.yaml refused: operation 1, alter_column"),
        "{said}"
    );
    assert!(said.contains("3 of 5 files imported, 2 refused"), "{said}");
    let loaded = migration::load(&to.join("the-rest.toml")).unwrap();
    let table = loaded.migration.operations[2].table().unwrap().to_string();
    assert_eq!(table, "\"shop\".\"loan\"");
    // Nothing is written over.
    let mine = to.join("01_tables.toml");
    std::fs::write(&mine, "mine").unwrap();
    let (code, said) = import(&["--json"], &to);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("nothing was written"), "{said}");
    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "mine");
}

#[test]
fn two_files_never_become_one() {
    let scratch = tempfile::tempdir().unwrap();
    let (from, to) = (scratch.path().join("theirs"), scratch.path().join("ours"));
    std::fs::create_dir(&from).unwrap();
    for name in ["a b.yaml", "a-b.yaml"] {
        let text = "operations: [{ drop_table: { name: t } }]";
        std::fs::write(from.join(name), text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    let output = command
        .arg("import")
        .arg(&from)
        .arg("--to")
        .arg(&to)
        .output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("two files would become"), "{said}");
    assert!(!to.exists());
}

#[test]
fn a_dropped_constraint_changes_values_only_of_a_column_that_is_named() {
    let of = |up: &str, down: &str| {
        let text = format!(
            "operations: [{{ drop_constraint: {{ table: t, name: c, up: {up}, down: {down} }} }}]"
        );
        let ours = pgroll::import(&text, Path::new("x.yaml"), "public").ok()?;
        let migration = migration::parse(&ours, Path::new("x.toml"))
            .unwrap()
            .migration;
        match migration.operations.into_iter().next()? {
            Operation::DropConstraint(_) => Some((None, None, None)),
            Operation::AlterColumn(alter) => {
                assert_eq!(alter.drop_constraints.len(), 1);
                Some((Some(alter.column.as_str().to_owned()), alter.up, alter.down))
            }
            other => panic!("{other:?}"),
        }
    };
    let some = |text: &str| Some(text.to_owned());
    for (up, down) in [("a", "a"), ("SELECT a", "a"), ("a", "''")] {
        assert_eq!(of(up, down), Some((None, None, None)), "{up} and {down}");
    }
    let lower = Some((some("a"), None, some("lower(a)")));
    assert_eq!(of("a", "SELECT lower(a)"), lower);
    assert_eq!(of("a", "'NULL'"), Some((some("a"), None, some("NULL"))));
    assert_eq!(
        of("upper(a)", "a"),
        Some((some("a"), some("upper(a)"), None))
    );
    for (up, down) in [("a", "b"), ("'0'", "'0'"), ("''", "lower(a)")] {
        assert_eq!(of(up, down), None, "{up} and {down}");
    }
}
