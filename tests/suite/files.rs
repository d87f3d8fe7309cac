//! What an operator reads when a file is wrong: one snapshot per kind of
//! mistake in `tests/bad`.

use pilothouse::base::Diagnostics;
use pilothouse::{fleet, migration};
use std::path::{Path, PathBuf};

fn bad_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The diagnostics of a file, which is `fleet-….toml` or `migration-….toml`.
fn diagnose(file: &Path) -> Result<(), Diagnostics> {
    let text = std::fs::read_to_string(file).unwrap();
    let name = Path::new(file.file_name().unwrap());
    match name.to_str().unwrap().split('-').next().unwrap() {
        "fleet" => fleet::parse(&text, name).map(|_| ()),
        "migration" => migration::parse(&text, name).map(|_| ()),
        kind => panic!("{kind} is no kind of file"),
    }
}

#[test]
fn every_bad_file_is_refused_in_words_that_help() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    let files = bad_files();
    assert!(files.len() > 50, "the bad files are gone");
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let Err(diagnostics) = diagnose(&file) else {
            panic!("{name} is accepted")
        };
        insta::assert_snapshot!(name, diagnostics);
    }
}

#[test]
fn every_mistake_has_a_place_and_a_remedy() {
    for file in bad_files() {
        for found in diagnose(&file).unwrap_err().0 {
            assert!(found.line > 0 && found.column > 0, "{found}");
            assert!(
                !found.message.is_empty() && !found.remedy.is_empty(),
                "{found}"
            );
            assert!(
                found
                    .file
                    .starts_with(file.file_name().unwrap().to_str().unwrap()),
                "{found}"
            );
        }
    }
}

#[test]
fn no_password_and_no_active_character_reaches_the_screen() {
    for file in bad_files() {
        let told = diagnose(&file).unwrap_err();
        let shown = format!("{told}\n{told:?}");
        for secret in ["hunter2", "hun/ter2", "8273645"] {
            assert!(!shown.contains(secret), "{} shows a secret", file.display());
        }
        let active = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(
            !told.to_string().contains(active),
            "{} drives the terminal",
            file.display()
        );
    }
}

#[test]
fn a_password_on_a_line_with_another_mistake_is_not_shown() {
    let text = "name = \"shop\"\nring = [{ name = \"a\" }]\nenvironment = { name = \"t\", production = false }\n\
        shard = [{ name = \"s\", ring = \"b\", candidates = [\"postgres://u@h/d\", \"postgres://u:p://wsecret@h/d\"] }, { name = \"t\", ring = \"c\", candidates = [\"sqlite:x\"], password = 'wsecret' }]\n";
    let told = fleet::parse(text, Path::new("fleet.toml")).unwrap_err();
    assert!(told.0.len() >= 4, "{told}");
    assert!(!told.to_string().contains("wsecret"), "{told}");
}
