//! The house rules that no compiler checks: who may import whom, what a pure
//! room may not name, how long things may be, where risky words may stand.
//!
//! Everything is read as text, so a broken tree can be judged too. What the
//! rules are is in `architecture/rules.rs`; `architecture/self_test.rs` shows
//! each of them failing on a made-up file.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "architecture/orphans.rs"]
mod orphans;
#[path = "architecture/paths.rs"]
mod paths;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/self_test.rs"]
mod self_test;
#[path = "architecture/source.rs"]
mod source;

use rules::{Rule, check};
use source::SourceFile;
use std::path::Path;

/// Files and functions (`file::function`) that are longer than allowed and
/// still wait to be split. New ones are not welcome: split instead. An entry
/// that is not needed any more fails the test, so the list only shrinks.
const KNOWN_LONG: &[&str] = &[];

fn sources(directory: &Path, root: &Path, found: &mut Vec<SourceFile>) {
    let mut entries: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, root, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            found.push(SourceFile::new(name, &text));
        }
    }
}

#[test]
fn the_house_is_in_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), root, &mut files);
    assert!(files.len() > 50, "only {} files were found", files.len());

    let mut long = Vec::new();
    let mut violations = Vec::new();
    for violation in files.iter().flat_map(check) {
        let known = KNOWN_LONG.contains(&violation.subject.as_str());
        match violation.rule {
            Rule::FileLength | Rule::FunctionLength if known => long.push(violation),
            _ => violations.push(violation),
        }
    }
    for violation in &long {
        println!("known to be too long: {violation}");
    }
    let settled: Vec<_> = KNOWN_LONG
        .iter()
        .filter(|known| !long.iter().any(|v| v.subject == **known))
        .collect();
    let text: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(
        text.is_empty(),
        "{} rule(s) broken:\n{}",
        text.len(),
        text.join("\n")
    );
    assert!(
        settled.is_empty(),
        "short enough now, take them off KNOWN_LONG: {settled:?}"
    );
}

#[test]
fn every_room_is_on_the_list() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in std::fs::read_dir(root.join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            !path.is_dir() || rules::rank(name).is_some(),
            "src/{name} has no place in the order of rooms"
        );
    }
}

#[test]
fn no_file_is_forgotten() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), root, &mut files);
    sources(&root.join("tests"), root, &mut files);
    let found = orphans::orphans(&files);
    assert!(found.is_empty(), "no `mod` names these files: {found:?}");
}
