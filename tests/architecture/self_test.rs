//! Every rule, shown to fail: a check that cannot fail checks nothing.

use super::paths::{named_paths, tokens};
use super::rules::{Rule, check};
use super::source::SourceFile;

fn broken(path: &str, text: &str) -> Vec<Rule> {
    let found = check(&SourceFile::new(path, text));
    found.into_iter().map(|violation| violation.rule).collect()
}

#[track_caller]
fn breaks(path: &str, text: &str, rule: Rule) {
    assert_eq!(broken(path, text), [rule], "{path}: {text}");
}

#[track_caller]
fn holds(path: &str, text: &str) {
    assert_eq!(broken(path, text), [], "{path}: {text}");
}

#[test]
fn an_import_up_or_sideways_is_found() {
    breaks(
        "src/rollout/a.rs",
        "use crate::engine::Engine;",
        Rule::ImportOrder,
    );
    breaks(
        "src/flags/a.rs",
        "use crate::store::Store;",
        Rule::ImportOrder,
    );
    holds("src/engine/a.rs", "use crate::rollout::State;");
    holds("src/engine/a.rs", "use crate::engine::book::Book;");
}

#[test]
fn no_spelling_hides_an_import() {
    for text in [
        "use crate::{base::Stop, engine::{book::Book as B}};",
        "fn f() { crate::engine::now(); }",
        "fn f() -> crate::engine::Book { todo() }",
        "use super::super::engine::Book;",
        "use super::engine;",
        "use crate::engine as other;",
        "fn f() { pilothouse::engine::now(); }",
    ] {
        let path = if text.starts_with("use super::engine") {
            "src/wire/mod.rs"
        } else {
            "src/wire/view.rs"
        };
        breaks(path, text, Rule::ImportOrder);
    }
    breaks("src/wire/view.rs", "use crate as all;", Rule::ImportOrder);
    breaks("src/wire/view.rs", "use crate::*;", Rule::ImportOrder);
}

#[test]
fn narrow_rooms_stay_narrow() {
    let rule = Rule::ImportOrder;
    breaks("src/cockpit/a.rs", "use crate::rollout::State;", rule);
    breaks("src/cockpit/a.rs", "use crate::api::embedded::x;", rule);
    breaks("src/cockpit/a.rs", "use crate::api::clients;", rule);
    breaks("src/api/a.rs", "use crate::rollout::State;", rule);
    breaks("src/main.rs", "use pilothouse::engine::Engine;", rule);
    // Clients know the engine's port; the engine knows no client, and what
    // screens know of an engine does not bring it with it.
    breaks(
        "src/engine/setup.rs",
        "use crate::api::embedded::Publisher;",
        rule,
    );
    breaks("src/api/embedded.rs", "use crate::engine::Book;", rule);
    breaks("src/api/client.rs", "use crate::engine::port::Line;", rule);
    holds("src/api/embedded.rs", "use crate::engine::port::Line;");
    holds("src/cockpit/a.rs", "use crate::api::client::Client;");
}

#[test]
fn a_re_export_is_an_import_for_everybody_above() {
    breaks(
        "src/shard/mod.rs",
        "pub use crate::rollout::State;",
        Rule::ReExport,
    );
    breaks(
        "src/shard/mod.rs",
        "pub(crate) use crate::{rollout::{self}};",
        Rule::ReExport,
    );
    holds("src/wire/mod.rs", "pub use crate::rollout::Verb;");
    holds("src/shard/mod.rs", "pub use share::ShareSeen;");
    let both = broken("src/wire/mod.rs", "pub use crate::engine::Book;");
    assert_eq!(both, [Rule::ImportOrder, Rule::ReExport]);
}

#[test]
fn kinds_are_chosen_in_one_place() {
    let text = "use crate::shard::postgres::PostgresShard;";
    breaks("src/cli/prepare.rs", text, Rule::Kind);
    holds("src/shard/open.rs", text);
    holds("src/drill/sim/world.rs", "use crate::shard::sim::SimShard;");
}

#[test]
fn pure_places_stay_pure() {
    for text in [
        "use std::time::Instant;",
        "use std::{env, fmt};",
        "use std::time::{self, Duration};",
        "use std::time::*;",
        "fn f() { std::time::SystemTime::now(); }",
        "use tokio::sync::mpsc;",
        "use std::collections::HashMap;",
        "fn f() { rand::random::<u8>(); }",
    ] {
        breaks("src/rollout/a.rs", text, Rule::Purity);
    }
    breaks(
        "src/shard/postgres/dialect/a.rs",
        "use sqlx::Row;",
        Rule::Purity,
    );
    breaks(
        "src/fleet/a.rs",
        "use std::net::{IpAddr, TcpStream};",
        Rule::Purity,
    );
    breaks("src/fleet/a.rs", "use std::env;", Rule::Purity);
    holds("src/fleet/secret_ref.rs", "use std::env;");
    holds("src/rollout/a.rs", "use std::time::Duration;");
    holds("src/shard/postgres/chunk.rs", "use std::time::Instant;");
}

#[test]
fn length_is_counted_from_fn_to_its_brace() {
    let lines = |n: usize| "    x();\n".repeat(n);
    let function = |n: usize| format!("fn long() {{\n{}}}\n", lines(n - 2));
    holds("src/base/a.rs", &function(70));
    breaks("src/base/a.rs", &function(71), Rule::FunctionLength);
    holds("src/base/a.rs", &"//\n".repeat(500));
    breaks("src/base/a.rs", &"//\n".repeat(501), Rule::FileLength);
    let tricky = format!(
        "fn short(a: [u8; 2]) {{ let c = ('}}', '{{', \"}}\", r#\"}}\"}}\"#, '\\''); /* }} /* */ }} */ }}\n{}",
        lines(80)
    );
    holds("src/base/a.rs", &tricky);
    let hidden = format!("fn long() {{ // }}\n let s = \"}}\";\n{}}}", lines(70));
    breaks("src/base/a.rs", &hidden, Rule::FunctionLength);
    let declared = format!("trait A {{\n fn f(&self);\n{}}}", lines(80));
    holds("src/base/a.rs", &declared);
}

#[test]
fn risky_words_have_their_places() {
    let sql = "fn f() { q(AssertSqlSafe(text)); }";
    breaks("src/shard/postgres/chunk.rs", sql, Rule::RawSql);
    breaks("src/store/reader.rs", sql, Rule::RawSql);
    holds("src/shard/postgres/sql.rs", sql);
    breaks("src/base/a.rs", "unsafe fn f() {}", Rule::Unsafe);
    breaks(
        "src/base/a.rs",
        "#[allow(dead_code)]\nfn f() {}",
        Rule::Allow,
    );
    breaks("src/base/a.rs", "#![allow(dead_code)]", Rule::Allow);
    holds("src/base/a.rs", "fn allow(x: u8) {}\nfn f() { allow(1); }");
    holds("src/base/a.rs", "// unsafe\nconst A: &str = \"unsafe\";");
}

#[test]
fn an_unwrap_needs_a_reason() {
    let rule = Rule::Unwrap;
    breaks("src/base/a.rs", "fn f() {\n    g().unwrap();\n}", rule);
    breaks(
        "src/base/a.rs",
        "fn f() {\n    g()\n        .expect(\"x\");\n}",
        rule,
    );
    holds(
        "src/base/a.rs",
        "fn f() {\n    // There is always one.\n    g().unwrap();\n}",
    );
    holds(
        "src/base/a.rs",
        "#[expect(clippy::unwrap_used, reason = \"r\")]\nfn f() {\n    g().unwrap();\n}",
    );
    breaks(
        "src/base/a.rs",
        "#[expect(clippy::unwrap_used, reason = \"r\")]\nfn e() {}\n\nfn f() {\n    g().unwrap();\n}",
        rule,
    );
    holds("src/base/a.rs", "fn f() {\n    meter.expect(rows);\n}");
    holds(
        "src/base/a.rs",
        "#[cfg(test)]\nmod tests {\n    #![allow(clippy::unwrap_used)]\n    fn f() { g().unwrap(); }\n}",
    );
}

#[test]
fn use_trees_unfold() {
    let code = tokens("pub use a::{b, c::{self, d as e}, f::*};");
    let found: Vec<String> = named_paths(&code)
        .into_iter()
        .map(|path| path.parts.join("::"))
        .collect();
    assert_eq!(found, ["a::b", "a::c", "a::c::d", "a::f::*"]);
}
