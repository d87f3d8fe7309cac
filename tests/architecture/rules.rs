//! The rules. Each one is a function from a file to what breaks it there.

use super::paths::{NamedPath, PathKind, Target, Token, is_word, named_paths, target, tokens};
use super::source::{SourceFile, brace_end};
use std::fmt;

/// Rooms from top to bottom. A room may import rooms of lower lines only.
const ROOMS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["cockpit"],
    &["drill"],
    &["lab"],
    &["api"],
    &["engine"],
    &["store", "flags", "gates", "notify"],
    &["shard"],
    &["report"],
    &["wire"],
    &["worker"],
    &["rollout"],
    &["journal"],
    &["migration"],
    &["fleet"],
    &["base"],
];

/// Rooms, and parts of rooms, that may import less than the order would let
/// them.
const NARROW: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cockpit", &["wire", "api::client", "base"]),
    ("api", &["engine::port", "wire", "base"]),
    // A report is made of what the journal holds, and of nothing that runs.
    ("report", &["wire", "rollout", "journal", "base"]),
    // What screens know of an engine must not bring the engine with it.
    ("api::client", &["wire", "base"]),
];

/// Re-exports of another room: (room, what it shows). A re-export lends a
/// room to everybody above, past the order and past [`NARROW`], so each one
/// is an exception that is agreed here.
const RE_EXPORTS: &[(&str, &str)] = &[
    // The words of the heart that a view carries.
    ("wire", "rollout"),
    ("wire", "worker"),
    // Where the journal ends is part of every view.
    ("wire", "journal"),
    // `Source` is in the signatures of both file formats.
    ("fleet", "base"),
    ("migration", "base"),
];

/// Kinds of databases. `shard::open` chooses one; nobody above names one.
/// (The simulated kind is the simulator's own.)
const KINDS: &[&str] = &["shard::postgres", "shard::sqlite"];

/// Folders and files that are pure: same input, same output, anywhere.
const PURE: &[&str] = &[
    "src/base/",
    "src/journal/",
    "src/migration/",
    "src/rollout/",
    "src/worker/",
    "src/wire/",
    "src/notify/due.rs",
    "src/notify/ledger.rs",
    "src/notify/message.rs",
    "src/report/",
    "src/drill/sim/",
    "src/shard/sim/",
    "src/cockpit/model/",
    "src/cockpit/update/",
    "src/cockpit/view/",
    "src/cockpit/widgets/",
    "src/cockpit/dialog/",
    "src/cockpit/plain/question.rs",
    "src/cockpit/plain/talk.rs",
    "src/cockpit/plain/words.rs",
];

/// What pure code cannot name.
const IMPURE: &[&str] = &[
    "tokio",
    "sqlx",
    "rand",
    "rustix",
    "std::net",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    // Their order differs from run to run.
    "std::collections::HashMap",
    "std::collections::HashSet",
];

/// The fleet room reads files and runs the commands that a fleet file names;
/// it opens no connection and knows no time.
const NOT_IN_FLEET: &[&str] = &[
    "tokio",
    "sqlx",
    "rand",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::env",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// (file, what it may name after all): one reason each.
const PURE_EXCEPTIONS: &[(&str, &str)] = &[
    // Reads the one file that it is given; parsing is a function beside it.
    ("src/migration/file.rs", "std::fs"),
    ("src/migration/runbook.rs", "std::fs"),
    // `env:NAME` is where a password may be.
    ("src/fleet/secret_ref.rs", "std::env"),
];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    ImportOrder,
    Kind,
    ReExport,
    Purity,
    FileLength,
    FunctionLength,
    RawSql,
    Unsafe,
    Allow,
    Unwrap,
}

#[derive(Debug)]
pub struct Violation {
    pub rule: Rule,
    pub file: String,
    pub line: usize,
    /// What an exception would be about: the file, or `file::function`.
    pub subject: String,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            file,
            line,
            what,
            ..
        } = self;
        write!(f, "{file}:{line}: {rule:?}: {what}")
    }
}

/// A room's place in the order, from the top.
pub fn rank(room: &str) -> Option<usize> {
    ROOMS.iter().position(|line| line.contains(&room))
}

/// Everything that is wrong with a file.
pub fn check(file: &SourceFile) -> Vec<Violation> {
    let code = tokens(&file.code);
    let mut out = Findings {
        file,
        found: Vec::new(),
    };
    imports(file, &code, &mut out);
    purity(&code, &mut out);
    lengths(file, &mut out);
    words(&code, &mut out);
    out.found
}

struct Findings<'a> {
    file: &'a SourceFile,
    found: Vec<Violation>,
}

impl Findings<'_> {
    fn add(&mut self, rule: Rule, line: usize, what: String) {
        let subject = self.file.path.clone();
        self.add_for(rule, line, subject, what);
    }

    fn add_for(&mut self, rule: Rule, line: usize, subject: String, what: String) {
        self.found.push(Violation {
            rule,
            file: self.file.path.clone(),
            line,
            subject,
            what,
        });
    }
}

fn imports(file: &SourceFile, code: &[Token], out: &mut Findings<'_>) {
    let module = file.module();
    let Some(room) = module.first().cloned() else {
        return; // lib.rs only lists the rooms.
    };
    for path in named_paths(code) {
        let Target::Ours(parts) = target(&path, &module) else {
            continue;
        };
        let Some(other) = parts.first() else {
            let what = "names the whole package: name the room".to_owned();
            out.add(Rule::ImportOrder, path.line, what);
            continue;
        };
        if other == "*" {
            let what = "imports every room at once".to_owned();
            out.add(Rule::ImportOrder, path.line, what);
        }
        if *other == room || rank(other).is_none() {
            continue;
        }
        import(&module, &path, &parts, out);
    }
}

fn import(module: &[String], path: &NamedPath, parts: &[String], out: &mut Findings<'_>) {
    let (room, other) = (module[0].as_str(), parts[0].as_str());
    if rank(other) <= rank(room) {
        let what = format!("{room} imports {other}, which does not stand below it");
        out.add(Rule::ImportOrder, path.line, what);
    }
    let (here, whole) = (module.join("::"), parts.join("::"));
    for (name, allowed) in NARROW.iter().filter(|(name, _)| is_within(&here, name)) {
        if !allowed.iter().any(|a| is_within(&whole, a)) {
            let what = format!("{name} may import {} only, not {whole}", allowed.join(", "));
            out.add(Rule::ImportOrder, path.line, what);
        }
    }
    if KINDS.iter().any(|kind| is_within(&whole, kind)) {
        let what = format!("{room} names a kind of database: {whole}");
        out.add(Rule::Kind, path.line, what);
    }
    if path.kind == PathKind::ReExport && !RE_EXPORTS.contains(&(room, other)) {
        let what = format!("{room} passes {whole} on to whoever imports {room}");
        out.add(Rule::ReExport, path.line, what);
    }
}

/// `a::b::c` is within `a::b`.
fn is_within(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn purity(code: &[Token], out: &mut Findings<'_>) {
    let path_of_file = out.file.path.clone();
    let dialect = path_of_file.starts_with("src/shard/") && path_of_file.contains("/dialect");
    let banned = if dialect || PURE.iter().any(|p| path_of_file.starts_with(p)) {
        IMPURE
    } else if path_of_file.starts_with("src/fleet/") {
        NOT_IN_FLEET
    } else {
        return;
    };
    for path in named_paths(code) {
        let whole = path.parts.join("::");
        // A module imported as a whole hides what is taken from it.
        let opens = |ban: &str| {
            path.kind != PathKind::Inline
                && (is_within(ban, &whole) || is_within(ban, whole.trim_end_matches("::*")))
        };
        let Some(ban) = banned.iter().find(|b| is_within(&whole, b) || opens(b)) else {
            continue;
        };
        if !PURE_EXCEPTIONS.contains(&(path_of_file.as_str(), ban)) {
            out.add(Rule::Purity, path.line, format!("{whole} in a pure place"));
        }
    }
}

fn lengths(file: &SourceFile, out: &mut Findings<'_>) {
    let lines = file.lines.len();
    if lines > FILE_LINES_MAX {
        let what = format!("{lines} lines, at most {FILE_LINES_MAX}");
        out.add(Rule::FileLength, lines, what);
    }
    let code = &file.with_tests;
    let chars: Vec<char> = code.chars().collect();
    let mut line = 1;
    for at in 0..chars.len() {
        if chars[at] == '\n' {
            line += 1;
        }
        let Some(name) = function_at(&chars, at) else {
            continue;
        };
        let Some(open) = body(&chars, at) else {
            continue;
        };
        let end = brace_end(&chars, open);
        let length = 1 + chars[at..end].iter().filter(|c| **c == '\n').count();
        if length > FUNCTION_LINES_MAX {
            let what = format!("fn {name} has {length} lines, at most {FUNCTION_LINES_MAX}");
            let subject = format!("{}::{name}", file.path);
            out.add_for(Rule::FunctionLength, line, subject, what);
        }
    }
}

/// The function's name if `fn NAME` begins here (`fn(` is only a type).
fn function_at(chars: &[char], at: usize) -> Option<String> {
    let begins = at == 0 || !(chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    if !begins || chars.get(at..at + 3) != Some(&['f', 'n', ' ']) {
        return None;
    }
    let rest = chars[at + 3..].iter().skip_while(|c| **c == ' ');
    let name: String = rest
        .take_while(|c| c.is_alphanumeric() || **c == '_')
        .collect();
    is_word(&name).then_some(name)
}

/// Where the body opens; `None` for a declaration. An array type may hold a
/// `;`, so only those outside brackets end the head.
fn body(chars: &[char], from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, c) in chars.iter().enumerate().skip(from) {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ';' if depth == 0 => return None,
            '{' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

/// One file per kind turns text into SQL: `src/shard/KIND/sql.rs`, or
/// `statement.rs`.
fn may_make_sql(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(
        parts.as_slice(),
        ["src", "shard", _, "sql.rs" | "statement.rs"]
    )
}

fn words(code: &[Token], out: &mut Findings<'_>) {
    for token in tokens(&out.file.with_tests) {
        if token.text == "unsafe" {
            out.add(Rule::Unsafe, token.line, "unsafe".into());
        }
    }
    for (at, token) in code.iter().enumerate() {
        let next = |n: usize| code.get(at + n).map_or("", |t| t.text.as_str());
        let before = if at == 0 { "" } else { &code[at - 1].text };
        match token.text.as_str() {
            "AssertSqlSafe" if !may_make_sql(&out.file.path) => {
                let what = "AssertSqlSafe outside a kind's sql.rs".to_owned();
                out.add(Rule::RawSql, token.line, what);
            }
            "allow" if next(1) == "(" && matches!(before, "[" | ",") => {
                let what = "allow: use expect with a reason".to_owned();
                out.add(Rule::Allow, token.line, what);
            }
            "." if is_unwrap(next(1), next(2), next(3)) && !has_reason(out.file, token.line) => {
                let what = format!("{} without a reason beside it", next(1));
                out.add(Rule::Unwrap, token.line, what);
            }
            _ => {}
        }
    }
}

/// `.unwrap()` or `.expect("…`; an `expect` that takes no text is a method of
/// our own.
fn is_unwrap(name: &str, open: &str, first: &str) -> bool {
    open == "(" && ((name == "unwrap" && first == ")") || (name == "expect" && first == "\""))
}

/// A comment on this line or the one before, or `#[expect(…)]` on the
/// statement or on the function around it.
fn has_reason(file: &SourceFile, line: usize) -> bool {
    let near = &file.lines[line.saturating_sub(2)..line];
    if near.iter().any(|l| l.contains("//")) {
        return true;
    }
    let mut function_seen = false;
    for text in file.lines[..line].iter().rev() {
        let text = text.trim_start();
        if text.starts_with("#[expect(") {
            return true;
        }
        if function_seen && (text.starts_with('}') || text.is_empty()) {
            return false;
        }
        function_seen |= text.contains("fn ");
    }
    false
}
