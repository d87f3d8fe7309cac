//! Several people on one daemon: one asks, another approves, a third may only
//! look; and what each is told who may not.

use crate::daemon::Daemon;
use crate::orders::pilothouse;
use pilothouse::api::account::person;
use pilothouse::base::Secret;
use pilothouse::rollout::Verb;
use pilothouse::wire::{Answer, Right};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// How a command ended, and what it said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn say(folder: &Path, words: &[&str]) -> Said {
    let ended = pilothouse(folder, words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said {
        code: ended.status.code().unwrap(),
        out: text(&ended.stdout),
        err: text(&ended.stderr),
    }
}

pub fn done(folder: &Path, words: &[&str]) -> String {
    let said = say(folder, words);
    assert_eq!(said.code, 0, "{words:?}: {}{}", said.out, said.err);
    said.out
}

pub fn refused(folder: &Path, words: &[&str], why: &str) {
    let said = say(folder, words);
    assert_eq!(said.code, 3, "{words:?}: {}{}", said.out, said.err);
    assert!(said.err.contains(why), "{words:?}: {}", said.err);
}

/// A token of somebody in a file that is theirs alone; the way to name it.
pub fn token(folder: &Path, name: &str) -> (String, String) {
    let token = done(folder, &["operator", "token", name]).trim().to_owned();
    assert!(token.starts_with("pht_"), "{token}");
    let path = folder.join(format!("{name}.token"));
    std::fs::write(&path, &token).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    (token, format!("file:{}", path.display()))
}

/// Waits until a program says so.
pub async fn comes(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let come = tokio::time::timeout(std::time::Duration::from_secs(60), wait).await;
    assert!(come.is_ok(), "never came: {what}");
}

/// The id in `request ID: …`.
pub fn request_in(text: &str) -> String {
    let (_, after) = text.split_once("request ").expect(text);
    after.split(':').next().unwrap().to_owned()
}

async fn crew() -> Daemon {
    let folder = crate::documents::scratch().await;
    let fleet = folder.path().join("fleet.toml");
    let text = std::fs::read_to_string(&fleet).unwrap();
    let policy = "[policy.approvals]\nsnapshot = 1\n[policy.shift]";
    std::fs::write(&fleet, text.replace("[policy.shift]", policy)).unwrap();
    let me = person().name;
    // Before anything was ever opened.
    let add = [
        "operator", "add", &me, "--role", "admin", "--role", "operator",
    ];
    done(folder.path(), &add);
    let mut daemon = Daemon::in_folder(folder);
    daemon.serve(&["--migration", "change.toml"]);
    daemon
}

#[tokio::test]
async fn one_asks_another_approves_and_a_third_may_only_look() {
    let daemon = crew().await;
    let folder = daemon.folder.path();
    for (name, role) in [("lee", "approver"), ("eve", "viewer")] {
        done(folder, &["operator", "add", name, "--role", role]);
    }
    let ((_, lee), (_, eve)) = (token(folder, "lee"), token(folder, "eve"));
    let mut me = daemon.attach("me");
    me.until("preflight done", |o| {
        let rings = &o.view.rings;
        rings.iter().any(|r| {
            r.name.as_str() == "canary" && r.gates.iter().any(|g| g.value == "not asked for")
        })
    })
    .await;
    let promote = ["promote", "--ring", "canary"];
    refused(folder, &promote, "not asked for");
    let asked = done(
        folder,
        &[
            "ask",
            "--ring",
            "canary",
            "--reason",
            "old clients are gone",
        ],
    );
    let id = request_in(&asked);
    me.until("the request", |o| {
        o.view
            .needs_you
            .iter()
            .any(|n| n.what.contains(&id) && n.why.contains("old clients are gone"))
    })
    .await;
    refused(folder, &["approve", &id], "you asked for");
    refused(
        folder,
        &["approve", &id, "--token", &eve],
        "eve may not approve",
    );
    let shown = done(folder, &["approve", &id, "--show", "--token", &lee]);
    for part in [
        "promote ring canary to snapshot",
        "old clients are gone",
        "s01",
        "way back",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    refused(folder, &promote, "0 given");
    done(folder, &["approve", &id, "--token", &lee]);
    refused(
        folder,
        &["promote", "--ring", "canary", "--token", &lee],
        "lee may not act",
    );
    done(folder, &promote);
    refused(
        folder,
        &["approve", &id, "--token", &lee],
        "no open request",
    );
    refused(folder, &["promote", "--ring", "broad"], "not asked for");
    // All of it is on the record, under the right names.
    let journal = done_journal(folder);
    for part in [
        "approval_requested",
        "approval_given",
        "approval_consumed",
        "\"lee\"",
    ] {
        assert!(journal.contains(part), "{part}");
    }
}

fn done_journal(folder: &Path) -> String {
    let store = folder.join(".pilothouse");
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .args(["journal", "export"])
        .arg(store)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
    String::from_utf8(ended.stdout).unwrap()
}

#[tokio::test]
async fn who_may_only_look_sees_all_and_changes_nothing() {
    let daemon = crew().await;
    let folder = daemon.folder.path();
    done(folder, &["operator", "add", "eve", "--role", "viewer"]);
    let (secret, _) = token(folder, "eve");
    let mut eve = daemon.attach_as("eve", Some(Secret::new(secret)));
    eve.until("a view and what she may", |o| {
        !o.view.shards.is_empty() && o.company.is_some()
    })
    .await;
    let company = eve.company.clone().unwrap();
    assert_eq!(
        (company.you.as_str(), company.may),
        ("eve", vec![Right::Look])
    );
    for (key, verb, code) in [
        ("a", Verb::Pause, "denied"),
        ("b", Verb::Abort, "denied"),
        // Whoever may look learns that none is owed.
        ("c", Verb::Review, "nothing"),
    ] {
        eve.send(key, verb);
        match eve.answer(key).await {
            Answer::Refused { code: said, .. } => assert_eq!(said, code),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(eve.lost(), 0);
    done(folder, &["operator", "revoke", "eve"]);
    // What is open is cut, and opened no more.
    eve.until("the end of it", |o| o.lost() > 1).await;
}

#[tokio::test]
async fn a_token_that_is_wrong_or_over_is_told_apart_and_never_kept() {
    let daemon = crew().await;
    let folder = daemon.folder.path();
    done(folder, &["operator", "add", "ana", "--role", "operator"]);
    let (secret, by) = token(folder, "ana");
    done(folder, &["pause", "--token", &by, "--reason", "just so"]);
    let listed = done(folder, &["operator", "list"]);
    let id = secret.split('_').nth(1).unwrap();
    let line = |listed: &str| {
        let found = listed.lines().find(|l| l.contains(&format!("token {id}")));
        found.expect(listed).to_owned()
    };
    line(&listed);
    // The daemon writes it down in its own time.
    comes("the last use", || {
        line(&done(folder, &["operator", "list"])).contains("last used 20")
    })
    .await;
    done(folder, &["operator", "revoke", "ana", "--token-id", id]);
    let path = folder.join("ana.token");
    let no = |text: &str, why: &str| {
        std::fs::write(&path, text).unwrap();
        let said = say(folder, &["resume", "--token", &by]);
        assert_ne!(said.code, 0);
        assert!(said.err.contains(why), "{}", said.err);
        assert!(!said.err.contains(text), "{}", said.err);
    };
    no(&secret, "was revoked");
    no(&secret.replace("pht_", "pht-"), "no token of pilothouse");
    let last = if secret.ends_with('0') { "1" } else { "0" };
    no(
        &format!("{}{last}", &secret[..secret.len() - 1]),
        "copied wrongly",
    );
    // The secret is in its owner's file, and nowhere else.
    let bare = secret.split('_').nth(2).unwrap();
    for entry in std::fs::read_dir(folder.join(".pilothouse")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        let found = memchr::memmem::find(&bytes, bare.as_bytes());
        assert!(found.is_none(), "{}", path.display());
    }
}
