//! Files that no `mod` names: what they hold is never compiled, and their
//! tests never run, without a word from anybody.

use super::source::SourceFile;

/// Roots of the library, the program and the test binaries.
const ROOTS: [&str; 3] = ["lib.rs", "main.rs", "architecture.rs"];

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Folder and name of the module that a file holds.
fn module(path: &str) -> (&str, &str) {
    match split(path) {
        (folder, "mod.rs") => split(folder),
        (folder, name) => (folder, name.trim_end_matches(".rs")),
    }
}

/// What a file declares: (folder, module) by name, or the ends of paths.
fn declared(files: &[SourceFile]) -> (Vec<(String, String)>, Vec<String>) {
    let (mut names, mut paths) = (Vec::new(), Vec::new());
    for file in files {
        let folder = split(&file.path).0;
        for line in file.lines.iter().map(|l| l.trim()) {
            let word = line.strip_suffix(';').and_then(|l| l.rsplit_once("mod "));
            if let Some((_, name)) = word {
                names.push((folder.to_owned(), name.to_owned()));
            }
            let path = line.strip_prefix("#[path = \"");
            if let Some(path) = path.and_then(|p| p.strip_suffix("\"]")) {
                paths.push(format!("/{}", path.trim_start_matches("../")));
            }
        }
    }
    (names, paths)
}

/// The files that nothing declares.
pub fn orphans(files: &[SourceFile]) -> Vec<&str> {
    let (names, paths) = declared(files);
    let is_declared = |path: &str| {
        let (folder, name) = module(path);
        names.iter().any(|(f, n)| f == folder && n == name)
            || paths.iter().any(|end| path.ends_with(end))
    };
    files
        .iter()
        .map(|file| file.path.as_str())
        .filter(|path| !ROOTS.contains(&split(path).1) && !is_declared(path))
        .collect()
}

#[test]
fn a_forgotten_file_is_found() {
    let files = [
        SourceFile::new("src/lib.rs", "pub mod room;"),
        SourceFile::new(
            "src/room/mod.rs",
            "pub(super) mod known;\n#[path = \"odd_tests.rs\"]\nmod tests;",
        ),
        SourceFile::new("src/room/known.rs", ""),
        SourceFile::new("src/room/odd_tests.rs", ""),
        SourceFile::new("src/room/lost.rs", ""),
        SourceFile::new("src/known.rs", ""),
    ];
    assert_eq!(orphans(&files), ["src/room/lost.rs", "src/known.rs"]);
}
