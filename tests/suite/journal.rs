//! The chain and its verifier.

use pilothouse::base::{Actor, Cause, Digest, Timestamp};
use pilothouse::journal::{
    Break, CanonicalError, Chain, Draft, DraftError, Entry, Head, LogId, ReadError, Verdict, verify,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/journal.jsonl");

/// Text that tries to look like the hash member.
const LURE: &str = r#"x","hash":"00","kind":"y"#;

/// A body whose own members look like the entry's hash and kind.
fn lure_body() -> Value {
    json!({"a": 1, "hash": "0".repeat(64), "kind": "y", "text": LURE})
}

pub fn draft(kind: &str, body: Value) -> Draft {
    Draft {
        at: Timestamp(1_790_000_000_000),
        actor: Actor::person("ana"),
        kind: kind.into(),
        scope: "fleet".into(),
        cause: Cause::Operator,
        body,
    }
}

fn log() -> LogId {
    LogId::new("5f1c0a4e9d7b46e2a0b3c8d1e2f30415").unwrap()
}

/// The lines of a journal with these drafts, and its head.
fn journal_of(drafts: Vec<Draft>) -> (String, Head) {
    let mut chain = Chain::new(log());
    let mut text = String::new();
    for draft in drafts {
        let (_, line) = chain.append(draft).unwrap();
        text.push_str(&line);
        text.push('\n');
    }
    (text, chain.head())
}

fn small() -> (String, Head) {
    journal_of(vec![
        draft("rollout_opened", json!({"plan": "0a", "shards": 3})),
        draft("ring_promoted", lure_body()),
        draft("shard_paused", json!(null)),
    ])
}

fn check(text: &[u8], head: Option<Head>) -> Verdict {
    verify(text, head).unwrap()
}

fn is_intact(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Intact { .. })
}

fn golden_drafts() -> Vec<Draft> {
    let mut guard = draft(
        "shard_paused",
        json!({"lag_ms": 4200, "deep": [[{"b": [], "a": {}}], -7, true, null]}),
    );
    guard.actor = Actor::engine();
    guard.cause = Cause::Guard;
    guard.scope = "shard/eu-1".into();
    vec![
        draft(
            "rollout_opened",
            json!({"plan": "ab", "max": u64::MAX, "min": i64::MIN, "edge": 1_u64 << 53}),
        ),
        guard,
        draft(
            "note_added",
            json!({"ü": "Zürich \u{1F600}", "\u{1}": "tab\t\"quote\" \\ \u{7f} \u{2028}", "lure": lure_body()}),
        ),
    ]
}

#[test]
fn the_golden_journal_is_made_again_byte_by_byte() {
    let (made, head) = journal_of(golden_drafts());
    if std::env::var_os("PILOTHOUSE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &made).unwrap();
    }
    let kept = std::fs::read_to_string(GOLDEN).unwrap();
    assert_eq!(
        kept, made,
        "the format changed: old journals would not verify"
    );
    assert_eq!(
        check(kept.as_bytes(), Some(head)),
        Verdict::Intact { head, entries: 3 }
    );
}

/// The documented formula, spelled out with nothing of the journal's code.
#[test]
fn hashes_are_what_the_documentation_says() {
    let mut prev = "0".repeat(64);
    for line in std::fs::read_to_string(GOLDEN).unwrap().lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let member = format!(",\"hash\":{}", value["hash"]);
        assert_eq!(line.matches(&member).count(), 1);
        let mut hasher = Sha256::new();
        hasher.update(format!(
            "pilothouse/entry/1\n{prev}{}",
            line.replace(&member, "")
        ));
        prev = hasher
            .finalize()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(value["hash"], json!(prev));
    }
}

#[test]
fn every_changed_byte_is_found_without_a_head() {
    let (text, _) = small();
    let sound = text.into_bytes();
    assert!(is_intact(&check(&sound, None)));
    for place in 0..sound.len() {
        let mut bytes = sound.clone();
        let before = bytes[place];
        let flips = (0..8).map(|bit| before ^ (1 << bit));
        for after in flips.chain([b'\n', b' ', b'0', b'"', 0, 0xff]) {
            if after == before {
                continue;
            }
            bytes[place] = after;
            let verdict = check(&bytes, None);
            assert!(
                matches!(verdict, Verdict::Broken { .. } | Verdict::Unreadable { .. }),
                "byte {place}: {before:#x} -> {after:#x}: {verdict}"
            );
        }
    }
}

#[test]
fn every_cut_is_found_against_the_head() {
    let (text, head) = small();
    for cut in 0..text.len() {
        let verdict = check(&text.as_bytes()[..cut], Some(head));
        assert!(
            matches!(verdict, Verdict::Truncated { expected, .. } if expected == head),
            "cut at {cut}: {verdict}"
        );
    }
    assert!(is_intact(&check(text.as_bytes(), Some(head))));
}

#[test]
fn a_cut_between_lines_is_why_a_head_is_needed() {
    let (text, _) = small();
    let end = text.find('\n').unwrap() + 1;
    assert!(is_intact(&check(&text.as_bytes()[..end], None)));
    assert_eq!(
        check(&text.as_bytes()[..text.len() - 1], None),
        Verdict::Unreadable {
            line: 3,
            why: ReadError::Unfinished
        }
    );
}

#[test]
fn an_earlier_head_stays_good_and_finds_a_rewritten_history() {
    let mut chain = Chain::new(log());
    let (_, first) = chain.append(draft("a", json!(1))).unwrap();
    let noted = chain.head();
    let (_, second) = chain.append(draft("b", json!(2))).unwrap();
    let text = format!("{first}\n{second}\n");
    assert!(is_intact(&check(text.as_bytes(), Some(noted))));

    let (forged, _) = journal_of(vec![draft("a", json!(9)), draft("b", json!(2))]);
    assert!(is_intact(&check(forged.as_bytes(), None)));
    let Verdict::Forked { have, expected } = check(forged.as_bytes(), Some(noted)) else {
        panic!("a rewritten history was accepted");
    };
    assert_eq!((have.seq, expected), (1, noted));
}

#[test]
fn missing_repeated_swapped_and_foreign_lines_break_the_chain() {
    let (text, _) = small();
    let lines: Vec<&str> = text.lines().collect();
    let broken = |order: &[&str]| {
        let text: String = order.iter().map(|line| format!("{line}\n")).collect();
        match check(text.as_bytes(), None) {
            Verdict::Broken { why, .. } => why,
            other => panic!("{other}"),
        }
    };
    let next = |expected| Break::Sequence { expected };
    assert_eq!(broken(&lines[1..]), next(1));
    assert_eq!(broken(&[lines[0], lines[2]]), next(2));
    assert_eq!(broken(&[lines[0], lines[0]]), next(2));
    assert_eq!(broken(&[lines[0], lines[2], lines[1]]), next(2));

    let mut other = Chain::resume(LogId::new("other").unwrap(), Head::EMPTY);
    let (_, one) = other.append(draft("a", json!(1))).unwrap();
    let (_, two) = other.append(draft("a", json!(1))).unwrap();
    assert_eq!(broken(&[lines[0], &two]), Break::OtherLog);
    assert_eq!(broken(&[&one, lines[1]]), Break::OtherLog);
    let mut fork = Chain::new(log());
    fork.append(draft("a", json!(1))).unwrap();
    let (_, forked) = fork.append(draft("a", json!(1))).unwrap();
    assert_eq!(broken(&[lines[0], &forked]), Break::Link);
}

#[test]
fn other_spellings_of_the_same_entry_are_refused() {
    let (_, line) = Chain::new(log())
        .append(draft("a", json!({"n": 1, "t": "A/é"})))
        .unwrap();
    let read = |text: &str| Entry::read(text.as_bytes());
    assert!(read(&line).is_ok());
    let swap = |from: &str, to: &str| {
        let changed = line.replacen(from, to, 1);
        assert_ne!(changed, line, "{from} is not in the line");
        read(&changed).unwrap_err()
    };
    use ReadError::NotCanonical;
    assert_eq!(swap("{\"actor\"", "{ \"actor\""), NotCanonical);
    assert_eq!(swap("\"A/é\"", "\"\\u0041/é\""), NotCanonical);
    assert_eq!(swap("\"A/é\"", "\"A\\/é\""), NotCanonical);
    assert_eq!(swap("\"A/é\"", "\"A/\\u00e9\""), NotCanonical);
    assert_eq!(
        swap("\"n\":1,\"t\":\"A/é\"", "\"t\":\"A/é\",\"n\":1"),
        NotCanonical
    );
    for number in ["1.0", "1e0", "-0", "01", "+1", "9007199254740993", "1e400"] {
        let error = swap("\"n\":1", &format!("\"n\":{number}"));
        assert!(matches!(error, ReadError::Json(_)), "{number}: {error}");
    }
    assert!(matches!(
        swap("\"n\":1", "\"n\":1,\"n\":1"),
        ReadError::Json(_)
    ));
    assert!(matches!(
        swap(",\"v\":1}", ",\"v\":1,\"v\":1}"),
        ReadError::Json(_)
    ));
    assert!(matches!(
        swap(",\"v\":1}", ",\"v\":1,\"w\":1}"),
        ReadError::Fields(_)
    ));
    assert!(matches!(
        swap(",\"v\":1}", ",\"v\":2}"),
        ReadError::Version(_)
    ));
    assert!(matches!(
        swap("\"kind\":\"a\"", "\"kind\":\"A\""),
        ReadError::Fields(_)
    ));
    assert!(read(&format!("{line} ")).is_err());
    assert!(read(&format!("{line}\r")).is_err());
    assert!(read(&format!("\u{feff}{line}")).is_err());
    assert!(read(&format!("{line}{line}")).is_err());
    assert!(read("").is_err());
    assert_eq!(Entry::read(b"\xff"), Err(ReadError::Encoding));
    assert!(read(&format!("{}{}", "[".repeat(200_000), line)).is_err());
}

#[test]
fn what_cannot_be_written_exactly_is_refused_and_moves_nothing() {
    let mut chain = Chain::new(log());
    let mut deep = json!(0);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let mut late = draft("a", json!(0));
    late.at = Timestamp(u64::MAX);
    let cases = [
        (
            draft("a", json!({"x": [0.5]})),
            CanonicalError::Float.into(),
        ),
        (draft("a", json!(1e300)), CanonicalError::Float.into()),
        (draft("a", deep), CanonicalError::TooDeep.into()),
        (draft("Not snake", json!(0)), DraftError::Kind),
        (draft("", json!(0)), DraftError::Kind),
        (late, DraftError::Beyond),
    ];
    for (draft, expected) in cases {
        assert_eq!(chain.append(draft).unwrap_err(), expected);
        assert_eq!(chain.head(), Head::EMPTY);
    }
}

#[test]
fn integers_beyond_two_to_the_53_become_strings() {
    let mut chain = Chain::new(log());
    let edge = 1_u64 << 53;
    let (entry, line) = chain
        .append(draft(
            "a",
            json!([edge, edge + 1, -9_007_199_254_740_993_i64]),
        ))
        .unwrap();
    assert_eq!(
        entry.body,
        json!([edge, "9007199254740993", "-9007199254740993"])
    );
    assert_eq!(Entry::read(line.as_bytes()), Ok(entry));
}

#[test]
fn a_head_has_one_spelling() {
    let head = Head {
        seq: 7,
        hash: Digest::of("test", &[]),
    };
    let text = head.to_string();
    assert_eq!(text.parse(), Ok(head));
    for wrong in [
        "",
        "7",
        "7:",
        ":ab",
        &format!("+{text}"),
        &format!("0{text}"),
        &text.to_uppercase(),
    ] {
        assert!(wrong.parse::<Head>().is_err(), "{wrong}");
    }
}

fn any_body() -> impl Strategy<Value = Value> {
    let text = prop_oneof![any::<String>(), Just(LURE.to_owned())];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
        Just(lure_body()),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text.clone(), inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

prop_compose! {
    fn any_draft()(
        at in 0..=1_u64 << 53,
        name in any::<String>(),
        kind in "[a-z][a-z0-9_]{0,20}",
        scope in prop_oneof![any::<String>(), Just(LURE.to_owned())],
        body in any_body(),
    ) -> Draft {
        Draft {
            at: Timestamp(at),
            actor: Actor::person(name),
            kind,
            scope,
            cause: Cause::Reconcile,
            body,
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_appended_verifies_and_reads_back(
        drafts in prop::collection::vec(any_draft(), 0..8)
    ) {
        let mut chain = Chain::new(log());
        let mut text = Vec::new();
        let count = drafts.len() as u64;
        for draft in drafts {
            let (entry, line) = chain.append(draft).unwrap();
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(Entry::read(line.as_bytes()).unwrap(), entry);
            text.extend_from_slice(line.as_bytes());
            text.push(b'\n');
        }
        let head = chain.head();
        prop_assert_eq!(check(&text, Some(head)), Verdict::Intact { head, entries: count });
    }

    #[test]
    fn whatever_bytes_come_in_there_is_a_verdict(bytes in any::<Vec<u8>>()) {
        prop_assert_eq!(is_intact(&check(&bytes, None)), bytes.is_empty());
    }
}
