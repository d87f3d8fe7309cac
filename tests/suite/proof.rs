//! The journal proves itself: against a changed byte, a missing tail, a
//! rewritten history, a forged promotion, and work that it never intended. The
//! shards are the witnesses.

use crate::crew::{done, say};
use crate::documents::scratch;
use crate::orders::run_to;
use crate::sqlite_fixture::run;
use pilothouse::base::{Digest, SigningKey};
use pilothouse::cli::journal::{Against, reconcile, verify};
use pilothouse::engine::{draft, fact};
use pilothouse::journal::{Chain, Entry, Head, Seal, Verdict};
use pilothouse::rollout::{Event, Fact};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A fleet that has come to the end of verify, and its journal.
struct Flown {
    folder: TempDir,
    lines: Vec<String>,
    entries: Vec<Entry>,
}

impl Flown {
    async fn new() -> Self {
        let folder = scratch().await;
        run_to(folder.path(), "verify");
        let text = done_alone(folder.path(), &["journal", "export", ".pilothouse"]);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let entries = lines.iter().map(|l| Entry::read(l.as_bytes()).unwrap());
        Self {
            entries: entries.collect(),
            lines,
            folder,
        }
    }

    fn head(&self) -> Head {
        let last = self.entries.last().unwrap();
        Head {
            seq: last.seq,
            hash: last.hash,
        }
    }

    fn facts(&self) -> Vec<Fact> {
        self.entries.iter().map(|e| fact(e).unwrap()).collect()
    }

    fn write(&self, lines: &[String]) -> PathBuf {
        let path = self.folder.path().join("other.jsonl");
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        path
    }

    /// A journal that says `facts`, with every hash right.
    fn rewritten(&self, facts: impl IntoIterator<Item = Fact>) -> Vec<String> {
        let mut chain = Chain::new(self.entries[0].log.clone());
        let drafts = facts.into_iter().map(|fact| draft(&fact));
        drafts.map(|d| chain.append(d).unwrap().1).collect()
    }

    fn fleet(&self) -> PathBuf {
        self.folder.path().join("fleet.toml")
    }

    fn witnesses(&self) -> Against {
        Against {
            witness: Some(self.fleet()),
            ..Against::default()
        }
    }

    /// A list of who may seal: the engine's own key.
    fn signers(&self) -> PathBuf {
        let mut seals = self
            .facts()
            .into_iter()
            .filter_map(|fact| match fact.event {
                Event::HeadSealed(seal) => Some(seal),
                _ => None,
            });
        let key = seals.next_back().expect("it is sealed").key().to_string();
        let path = self.folder.path().join("signers");
        let line = format!("# who may sign\nengine namespaces=\"seal@pilothouse\" {key}\n");
        std::fs::write(&path, line).unwrap();
        path
    }
}

/// A command that names no fleet.
pub fn done_alone(folder: &Path, words: &[&str]) -> String {
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
    String::from_utf8(ended.stdout).unwrap()
}

async fn judged(source: &Path, against: &Against) -> (u8, String) {
    let outcome = verify(source, against).await;
    (outcome.code, outcome.text)
}

fn is_seal(event: &Event) -> bool {
    matches!(event, Event::HeadSealed(_))
}

#[tokio::test]
async fn a_whole_journal_agrees_with_everybody() {
    let flown = Flown::new().await;
    let against = Against {
        since: Some(flown.head()),
        allowed_signers: Some(flown.signers()),
        ..flown.witnesses()
    };
    for source in [
        flown.folder.path().join(".pilothouse"),
        flown.write(&flown.lines),
    ] {
        let (code, text) = judged(&source, &against).await;
        assert_eq!(code, 0, "{text}");
        let before = flown.head().seq - 1;
        assert!(
            text.contains(&format!("sealed up to entry {before} by SHA256:")),
            "{text}"
        );
        assert!(text.contains("2 shards kept heads"), "{text}");
    }
    let said = reconcile(&flown.fleet()).await;
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(
        said.text.contains("nothing ran on a shard"),
        "{}",
        said.text
    );
}

#[tokio::test]
async fn every_changed_byte_of_a_real_journal_is_found() {
    let flown = Flown::new().await;
    let text = flown.lines.join("\n") + "\n";
    let whole = pilothouse::journal::verify(text.as_bytes(), None).unwrap();
    assert!(matches!(whole, Verdict::Intact { .. }), "{whole}");
    let mut bytes = text.into_bytes();
    for place in 0..bytes.len() {
        bytes[place] ^= 1;
        // Nothing before the line can have become wrong.
        let line = bytes[..place].iter().filter(|b| **b == b'\n').count();
        let verdict = pilothouse::journal::verify(bytes.as_slice(), None).unwrap();
        assert!(
            !matches!(verdict, Verdict::Intact { .. }),
            "byte {place} of line {line}"
        );
        bytes[place] ^= 1;
    }
}

#[tokio::test]
async fn every_cut_is_found_against_a_head_and_those_that_a_shard_saw_by_the_shard() {
    let flown = Flown::new().await;
    let since = Against {
        since: Some(flown.head()),
        ..Against::default()
    };
    let newest = newest_witness(&flown).await;
    assert!(newest > 2);
    for kept in 0..flown.lines.len() {
        let cut = match kept {
            // An empty file is an empty journal.
            0 => {
                let path = flown.folder.path().join("other.jsonl");
                std::fs::write(&path, "").unwrap();
                path
            }
            kept => flown.write(&flown.lines[..kept]),
        };
        let (code, text) = judged(&cut, &since).await;
        assert_eq!(code, 11, "{kept} kept: {text}");
        let (code, text) = judged(&cut, &flown.witnesses()).await;
        match (kept as u64) < newest {
            true => assert!(
                code == 11 && text.contains("is witness"),
                "{kept} kept: {text}"
            ),
            false => assert_eq!(code, 0, "{kept} kept: {text}"),
        }
    }
}

async fn newest_witness(flown: &Flown) -> u64 {
    let loaded = pilothouse::fleet::load(&flown.fleet()).unwrap();
    let mut newest = 0;
    for spec in &loaded.fleet.shards {
        let record = pilothouse::shard::read_record(spec).await.unwrap().unwrap();
        assert!(!record.witness.is_empty());
        newest = newest.max(record.witness.iter().map(|w| w.head.seq).max().unwrap());
    }
    newest
}

#[tokio::test]
async fn a_history_that_was_written_anew_is_found_by_its_seals_its_list_and_its_shards() {
    let flown = Flown::new().await;
    let mut facts = flown.facts();
    facts[0].actor.name = "somebody else".into();
    // Every hash is right, the seals are those of another journal.
    let forged = flown.rewritten(facts.clone());
    let (code, text) = judged(&flown.write(&forged), &Against::default()).await;
    assert!(code == 14 && text.contains("bad seal"), "{text}");
    let since = Against {
        since: Some(flown.head()),
        ..Against::default()
    };
    let (code, text) = judged(&flown.write(&forged), &since).await;
    assert!(code == 13 && text.contains("forked"), "{text}");
    // Without any seal: only who expects one, or has seen the other, notices.
    facts.retain(|fact| !is_seal(&fact.event));
    let bare = flown.rewritten(facts.clone());
    let path = flown.write(&bare);
    let (code, text) = judged(&path, &Against::default()).await;
    assert!(code == 0 && text.contains("no entry is sealed"), "{text}");
    let listed = Against {
        allowed_signers: Some(flown.signers()),
        ..Against::default()
    };
    let (code, text) = judged(&path, &listed).await;
    assert_eq!(code, 14, "{text}");
    // Sealed anew with a key of the forger's own.
    let path = flown.write(&sealed_by_a_stranger(&flown, facts));
    let (code, text) = judged(&path, &Against::default()).await;
    assert!(code == 0 && text.contains("held against no list"), "{text}");
    let (code, text) = judged(&path, &listed).await;
    assert!(code == 14 && text.contains("not allowed to sign"), "{text}");
    let (code, text) = judged(&path, &flown.witnesses()).await;
    assert!(code == 13 && text.contains("is witness"), "{text}");
}

fn sealed_by_a_stranger(flown: &Flown, facts: Vec<Fact>) -> Vec<String> {
    let key = SigningKey::from_seed(&[7; 32]).unwrap();
    let log = flown.entries[0].log.clone();
    let mut chain = Chain::new(log.clone());
    let mut lines = Vec::new();
    let mut last = facts[0].clone();
    for fact in facts {
        lines.push(chain.append(draft(&fact)).unwrap().1);
        last = fact;
    }
    let seal = Seal::make(&log, chain.head(), &key).unwrap();
    last.event = Event::HeadSealed(Box::new(seal));
    lines.push(chain.append(draft(&last)).unwrap().1);
    lines
}

#[tokio::test]
async fn work_that_no_entry_intends_is_found_on_the_shards() {
    let flown = Flown::new().await;
    let without = |wanted: fn(&Event) -> bool| {
        let facts = flown.facts().into_iter();
        flown.rewritten(facts.filter(move |f| !is_seal(&f.event) && !wanted(&f.event)))
    };
    // The heads cannot fit such a journal: what ran is told all the same.
    for (wanted, said) in [
        (
            (|e| matches!(e, Event::StageBegun { .. })) as fn(&Event) -> bool,
            "verify ran, and no entry intends it",
        ),
        (
            |e| matches!(e, Event::RolloutOpened(_)),
            "was never opened in this journal",
        ),
        (
            |e| matches!(e, Event::ShardAttached { .. }),
            "an engine of epoch 1 that the journal does not know",
        ),
    ] {
        let path = flown.write(&without(wanted));
        let (code, text) = judged(&path, &flown.witnesses()).await;
        assert!([11, 13].contains(&code), "{text}");
        assert!(text.contains(said), "{said}: {text}");
    }
    // Somebody works on a shard by hand, with our tables.
    let shard = flown.folder.path().join("s01.db");
    run(&shard, "UPDATE pilothouse_registry SET begun = 'drop'")
        .await
        .unwrap();
    let said = reconcile(&flown.fleet()).await;
    assert_eq!(said.code, 16, "{}", said.text);
    assert!(said.text.contains("shard s01: drop ran"), "{}", said.text);
    let (code, text) = judged(&flown.write(&flown.lines), &flown.witnesses()).await;
    assert_eq!(code, 16, "{text}");
    run(&shard, "UPDATE pilothouse_registry SET begun = 'verify'")
        .await
        .unwrap();
    assert_eq!(reconcile(&flown.fleet()).await.code, 0);
    // An approval that nobody gave, and a head that nobody wrote.
    let line = format!(
        "INSERT INTO pilothouse_witness (seq, head, stop, epoch, approvals, at) VALUES (3, '{}', 'expand', 1, '', '')",
        Digest::of("forged", &[])
    );
    run(&shard, &line).await.unwrap();
    let said = reconcile(&flown.fleet()).await;
    assert_eq!(said.code, 13, "{}", said.text);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_the_callers_mistake() {
    let flown = Flown::new().await;
    let signers = flown.folder.path().join("signers");
    for (line, why) in [
        ("lee ssh-rsa AAAAB3NzaC1yc2E=", "public key"),
        (
            "lee valid-before=\"20300101\" ssh-ed25519 AAAA",
            "only namespaces",
        ),
        ("lee", "a line is"),
    ] {
        std::fs::write(&signers, line).unwrap();
        let against = Against {
            allowed_signers: Some(signers.clone()),
            ..Against::default()
        };
        let (code, text) = judged(&flown.write(&flown.lines), &against).await;
        assert!(
            code == 2 && text.contains("signers:1") && text.contains(why),
            "{text}"
        );
    }
    let said = say(flown.folder.path(), &["journal", "reconcile"]);
    assert_eq!(said.code, 0, "{}", said.err);
}

/// The key is the engine's alone, and lost permissions are no key.
#[tokio::test]
async fn the_engines_key_is_its_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let flown = Flown::new().await;
    let key = flown.folder.path().join(".pilothouse/engine.key");
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = say(flown.folder.path(), &["pause"]);
    assert!(
        said.code == 1 && said.err.contains("others can read it"),
        "{}",
        said.err
    );
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    done(flown.folder.path(), &["pause"]);
    let verified = done_alone(flown.folder.path(), &["journal", "verify", ".pilothouse"]);
    assert!(verified.contains("sealed up to entry"), "{verified}");
}
