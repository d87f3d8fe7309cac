//! `pilothouse journal …` as scripts and operators use it.

use crate::store::{fresh, raw, sql};
use pilothouse::base::{Actor, Cause, ShardName, Timestamp};
use pilothouse::cli::journal::{Against, Filter, export, show, verify};
use pilothouse::engine::draft;
use pilothouse::journal::Draft;
use pilothouse::rollout::{Event, Fact, Scope};
use pilothouse::store::Store;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn said(scope: Scope, reason: &str, event: Event) -> Draft {
    draft(&Fact {
        at: Timestamp(1_790_000_000_000),
        actor: Actor::person("ana"),
        scope,
        cause: Cause::Operator,
        key: None,
        reason: reason.into(),
        event,
    })
}

/// A closed store with three entries: its directory, and an export of it.
async fn sample() -> (TempDir, PathBuf, PathBuf, String) {
    let (outer, dir) = fresh();
    let store = Store::open(&dir).await.unwrap();
    let cap = Event::Throttled {
        rows_per_s_max: Some(3),
    };
    let shard = Scope::Shard(ShardName::new("eu-1").unwrap());
    store
        .append(vec![
            said(Scope::Fleet, "", cap),
            said(shard, "lag \u{1b}[2J", Event::Paused),
            said(Scope::Fleet, "", Event::Held),
        ])
        .await
        .unwrap();
    let head = store.head().to_string();
    store.close().await.unwrap();
    let file = outer.path().join("export.jsonl");
    let mut out = std::fs::File::create(&file).unwrap();
    let outcome = export(&dir, &mut out).await;
    assert_eq!(outcome.code, 0, "{}", outcome.text);
    assert!(outcome.text.contains(&head));
    (outer, dir, file, head)
}

async fn verified(source: &Path, head: Option<&str>) -> (u8, String) {
    let against = Against {
        since: head.map(|head| head.parse().unwrap()),
        ..Against::default()
    };
    let outcome = verify(source, &against).await;
    (outcome.code, outcome.text)
}

#[tokio::test]
async fn store_and_export_verify_alike() {
    let (_outer, dir, file, head) = sample().await;
    for source in [&dir, &dir.join("journal.db"), &file] {
        let (code, text) = verified(source, Some(&head)).await;
        let said = format!("intact: 3 entries, head {head}\nno entry is sealed\n");
        assert_eq!(code, 0, "{text}");
        assert!(text.starts_with(&said), "{text}");
        let (code, text) = verified(source, None).await;
        assert!(code == 0 && text.contains("--since"), "{text}");
    }
}

#[tokio::test]
async fn an_export_that_was_tampered_with_has_its_exit_code() {
    let (outer, _, file, head) = sample().await;
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = outer.path().join("changed.jsonl");
    let cut = text.trim_end().rfind('\n').unwrap() + 1;
    for (bytes, head, code) in [
        (text.replace("_max\":3", "_max\":4"), None, 10),
        (text[..cut].to_owned(), Some(head.as_str()), 11),
        (text[..cut].to_owned(), None, 0),
        (text[..cut + 20].to_owned(), None, 12),
        (text.replace("_max\":3", "_max\": 3"), None, 12),
        ("not a journal\n".to_owned(), None, 12),
    ] {
        std::fs::write(&changed, bytes).unwrap();
        let (found, text) = verified(&changed, head).await;
        assert_eq!(found, code, "{text}");
        assert_eq!(
            text.lines().count(),
            1 + 3 * usize::from(code == 0),
            "{text}"
        );
    }
    let (code, text) = verified(&outer.path().join("none"), None).await;
    assert!(code == 2 && text.contains("no journal at"), "{text}");
}

#[tokio::test]
async fn a_store_that_was_tampered_with_has_its_exit_code() {
    for (change, with_head, code) in [
        (
            "UPDATE entry SET line = replace(line, '_max\":3', '_max\":4')",
            false,
            10,
        ),
        ("UPDATE entry SET seq = 9 WHERE seq = 3", false, 10),
        ("UPDATE meta SET log = 'other'", false, 10),
        ("DELETE FROM entry WHERE seq = 1", false, 10),
        ("DELETE FROM entry WHERE seq = 3", true, 11),
        ("DELETE FROM entry", true, 11),
        ("UPDATE entry SET line = '{}' WHERE seq = 2", false, 12),
        ("DROP TABLE entry", false, 12),
        ("SELECT 1", true, 0),
    ] {
        let (_outer, dir, _, head) = sample().await;
        let mut other = raw(&dir).await;
        let open = "DROP TRIGGER entry_no_update; DROP TRIGGER entry_no_delete;
                    DROP TRIGGER meta_no_update";
        sql(&mut other, open).await.unwrap();
        sql(&mut other, change).await.unwrap();
        let (found, text) = verified(&dir, with_head.then_some(head.as_str())).await;
        assert_eq!(found, code, "{change}: {text}");
    }
}

#[tokio::test]
async fn show_prints_one_safe_line_per_entry() {
    let (_outer, dir, file, _) = sample().await;
    let all = show(&dir, &Filter::default()).await;
    assert_eq!(all, show(&file, &Filter::default()).await);
    assert_eq!((all.code, all.text.lines().count()), (0, 3));
    let first = all.text.lines().next().unwrap();
    assert!(
        first.starts_with(
            r#"     1  2026-09-21T14:13:20.000Z  ana  fleet  throttled  operator  {"event":{"kind":"throttled","with":{"rows_per_s_max":3}}"#
        ),
        "{first}"
    );
    assert!(!all.text.contains('\u{1b}'), "a terminal would obey");
    let only = |change: fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        let dir = dir.clone();
        async move { show(&dir, &filter).await.text.lines().count() }
    };
    assert_eq!(only(|f| f.from_seq = Some(2)).await, 2);
    assert_eq!(only(|f| f.kind = Some("held".into())).await, 1);
    assert_eq!(only(|f| f.scope = Some("fleet".into())).await, 2);
    assert_eq!(only(|f| f.actor = Some("bob".into())).await, 0);
    assert_eq!(only(|f| f.last = Some(1)).await, 1);

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("shard eu-1", "shard eu-2")).unwrap();
    let broken = show(&file, &Filter::default()).await;
    assert_eq!((broken.code, broken.text.lines().count()), (10, 2));
    assert!(
        broken
            .text
            .lines()
            .last()
            .unwrap()
            .starts_with("broken at line 2")
    );
}
