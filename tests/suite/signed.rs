//! Approvals signed with an operator's own SSH key, held against the system's
//! `ssh-keygen`.

use crate::crew::{done, refused, request_in, say, token};
use crate::daemon::Daemon;
use pilothouse::api::account::person;
use pilothouse::base::{Digest, Namespace, Secret, SigningKey};
use pilothouse::journal::Head;
use pilothouse::rollout::{ApprovalAct, Signed, Verb};
use pilothouse::wire::Answer;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether OpenSSH is there; without it these tests say so and are counted.
fn require_openssh() -> bool {
    let there = Command::new("ssh-keygen").arg("-?").output().is_ok();
    if !there {
        eprintln!("SKIPPED: ssh-keygen is not installed");
    }
    there
}

fn ssh(folder: &Path, program: &str, words: &[&str]) -> String {
    let ended = Command::new(program)
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(ended.status.success(), "{program} {words:?}: {ended:?}");
    String::from_utf8(ended.stdout).unwrap()
}

fn key(folder: &Path, name: &str) {
    ssh(
        folder,
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name],
    );
}

/// A crew whose snapshot needs one signed approval; lee approves.
async fn crew() -> Daemon {
    let folder = crate::documents::scratch().await;
    let fleet = folder.path().join("fleet.toml");
    let text = std::fs::read_to_string(&fleet).unwrap();
    let signed = "[policy]\nsigned = [\"snapshot\"]\n";
    let text = text.replace("[policy]\n", signed);
    let policy = "[policy.approvals]\nsnapshot = 1\n[policy.shift]";
    std::fs::write(&fleet, text.replace("[policy.shift]", policy)).unwrap();
    let me = person().name;
    let add = [
        "operator", "add", &me, "--role", "admin", "--role", "operator",
    ];
    done(folder.path(), &add);
    for name in ["lee", "kim"] {
        done(
            folder.path(),
            &["operator", "add", name, "--role", "approver"],
        );
        key(folder.path(), name);
    }
    key(folder.path(), "root");
    let mut daemon = Daemon::in_folder(folder);
    daemon.serve(&["--migration", "change.toml"]);
    daemon
}

async fn asked(daemon: &Daemon) -> String {
    let mut me = daemon.attach("me");
    me.until("preflight done", |o| {
        let rings = &o.view.rings;
        let asks = |r: &pilothouse::wire::RingView| {
            r.name.as_str() == "canary" && r.gates.iter().any(|g| g.value == "not asked for")
        };
        rings.iter().any(asks)
    })
    .await;
    let asked = done(
        daemon.folder.path(),
        &["ask", "--ring", "canary", "--reason", "tonight"],
    );
    request_in(&asked)
}

#[tokio::test]
async fn a_signed_approval_counts_and_stock_tools_confirm_it() {
    if !require_openssh() {
        return;
    }
    let daemon = crew().await;
    let folder = daemon.folder.path();
    let me = person().name;
    // The registry: the first key is the admin's own, signed with itself.
    let lees = [
        "operator", "key", "add", "lee", "--key", "lee.pub", "--sign",
    ];
    refused(
        folder,
        &[&lees[..], &["root"]].concat(),
        "the first one enrolled is your own",
    );
    let own = [
        "operator", "key", "add", &me, "--key", "root.pub", "--sign", "root",
    ];
    done(folder, &own);
    refused(folder, &[&lees[..], &["lee"]].concat(), "is no key of");
    done(folder, &[&lees[..], &["root"]].concat());
    refused(folder, &[&lees[..], &["root"]].concat(), "is a key of lee");

    let id = asked(&daemon).await;
    let (_, lee) = token(folder, "lee");
    let approve = ["approve", &id, "--token", &lee];
    refused(folder, &approve, "must be signed");
    let with = |key: &'static str| [&approve[..], &["--sign", key]].concat();
    refused(folder, &with("kim"), "is no key of lee");
    refused(folder, &with("root"), "is no key of lee");
    refused(folder, &["promote", "--ring", "canary"], "0 given");
    done(folder, &with("lee"));
    done(folder, &["promote", "--ring", "canary"]);

    confirmed_by_ssh_keygen(folder, &id);
    // A revoked key never comes back, and what it signed before still counts.
    let revoke = [
        "operator", "key", "revoke", "lee", "--key", "lee.pub", "--sign", "root",
    ];
    done(folder, &revoke);
    refused(
        folder,
        &[&lees[..], &["root"]].concat(),
        "never trusted again",
    );
    let verified = alone(folder, &["journal", "verify", ".pilothouse"]);
    assert!(
        verified.contains("1 approvals used, each covered; 1 signed"),
        "{verified}"
    );
    let listed = done(folder, &["operator", "list"]);
    assert!(
        listed.contains("key SHA256:") && listed.contains(", revoked by"),
        "{listed}"
    );
}

fn alone(folder: &Path, words: &[&str]) -> String {
    ssh(folder, env!("CARGO_BIN_EXE_pilothouse"), words)
}

/// A signature is good, but what its owner looked at was something else.
#[tokio::test]
async fn an_approval_over_another_journal_is_refused() {
    if !require_openssh() {
        return;
    }
    let daemon = crew_with_keys().await;
    let folder = daemon.folder.path();
    asked(&daemon).await;
    let (secret, _) = token(folder, "lee");
    let pem = std::fs::read_to_string(folder.join("lee")).unwrap();
    let key = SigningKey::from_openssh(&Secret::new(pem)).unwrap();
    let mut lee = daemon.attach_as("lee", Some(Secret::new(secret)));
    lee.until("the request", |o| {
        let rollout = o.view.header.rollout.as_ref();
        rollout.is_some_and(|r| !r.approvals.is_empty())
    })
    .await;
    let rollout = lee.view.header.rollout.clone().unwrap();
    let (asked, here) = (&rollout.approvals[0], lee.view.header.head.unwrap());
    let give = |head: Head| {
        let statement = asked.request.statement("lee", head);
        let signature = key.sign(Namespace::Approval, statement.as_bytes()).unwrap();
        Verb::Approval(ApprovalAct::Give {
            id: asked.request.id.clone(),
            binding: asked.binding,
            signed: Some(Box::new(Signed { head, signature })),
        })
    };
    let elsewhere = Head {
        hash: Digest::of("another journal", &[]),
        ..here
    };
    let ahead = Head {
        seq: here.seq + 1_000_000,
        ..here
    };
    for (key, head) in [("elsewhere", elsewhere), ("ahead", ahead)] {
        lee.send(key, give(head));
        match lee.answer(key).await {
            Answer::Refused { text, .. } => assert!(text.contains("is not this one"), "{text}"),
            other => panic!("{key}: {other:?}"),
        }
    }
    lee.send("here", give(here));
    let taken = lee.answer("here").await;
    assert!(matches!(taken, Answer::Accepted { .. }), "{taken:?}");
}

async fn crew_with_keys() -> Daemon {
    let daemon = crew().await;
    let me = person().name;
    for (name, file) in [(me.as_str(), "root.pub"), ("lee", "lee.pub")] {
        let add = [
            "operator", "key", "add", name, "--key", file, "--sign", "root",
        ];
        done(daemon.folder.path(), &add);
    }
    daemon
}

/// `ssh-keygen -Y verify` on what `journal approval` takes out, and on the
/// same with one letter changed.
fn confirmed_by_ssh_keygen(folder: &Path, id: &str) {
    let said = alone(
        folder,
        &["journal", "approval", ".pilothouse", id, "--out", "."],
    );
    assert!(said.contains("lee signed with SHA256:"), "{said}");
    let public = std::fs::read_to_string(folder.join("lee.pub")).unwrap();
    std::fs::write(folder.join("signers"), format!("lee {public}")).unwrap();
    let statement = std::fs::read_to_string(folder.join(format!("{id}-lee.txt"))).unwrap();
    for part in [
        "stop snapshot",
        "ring canary",
        "approver lee",
        "head ",
        "plan ",
        "expires ",
    ] {
        assert!(statement.contains(part), "{part}: {statement}");
    }
    let signature = format!("{id}-lee.sig");
    let verify = |text: &str| {
        let path = folder.join("statement");
        std::fs::write(&path, text).unwrap();
        let words = [
            "-Y",
            "verify",
            "-f",
            "signers",
            "-I",
            "lee",
            "-n",
            "approval@pilothouse",
        ];
        let ended = Command::new("ssh-keygen")
            .args(words)
            .args(["-s", &signature])
            .current_dir(folder)
            .stdin(std::fs::File::open(&path).unwrap())
            .output()
            .unwrap();
        ended.status.success()
    };
    assert!(verify(&statement));
    assert!(!verify(&statement.replace("stop snapshot", "stop drop")));
    assert!(!verify(&statement.replace("approver lee", "approver kim")));
}

#[tokio::test]
async fn an_agent_signs_without_the_key_file() {
    if !require_openssh() {
        return;
    }
    let daemon = crew().await;
    let folder = daemon.folder.path();
    let me = person().name;
    done(
        folder,
        &[
            "operator", "key", "add", &me, "--key", "root.pub", "--sign", "root",
        ],
    );
    done(
        folder,
        &[
            "operator", "key", "add", "lee", "--key", "lee.pub", "--sign", "root",
        ],
    );
    let id = asked(&daemon).await;
    let (_, lee) = token(folder, "lee");
    // The agent has the key, the file is gone.
    let agent = Agent::start(folder);
    agent.run("ssh-add", &["-q", "lee"]);
    std::fs::remove_file(folder.join("lee")).unwrap();
    let words = [
        "approve",
        &id,
        "--fleet",
        "fleet.toml",
        "--token",
        &lee,
        "--sign",
        "lee.pub",
    ];
    let said = agent.run(env!("CARGO_BIN_EXE_pilothouse"), &words);
    assert!(said.contains("approve"), "{said}");
    done(folder, &["promote", "--ring", "canary"]);
    drop(agent);
    // Without an agent there is nobody to sign.
    let said = say(folder, &["approve", &id, "--show", "--token", &lee]);
    assert_eq!(said.code, 3, "{}", said.err);
}

/// An agent of the test's own.
struct Agent<'a> {
    folder: &'a Path,
    socket: std::path::PathBuf,
    child: std::process::Child,
}

impl<'a> Agent<'a> {
    fn start(folder: &'a Path) -> Self {
        let socket = folder.join("agent.sock");
        let mut child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints its socket once that is there.
        let mut said = String::new();
        let out = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut said).unwrap();
        assert!(said.contains("SSH_AUTH_SOCK"), "{said}");
        Self {
            folder,
            socket,
            child,
        }
    }

    fn run(&self, program: &str, words: &[&str]) -> String {
        let ended = Command::new(program)
            .args(words)
            .current_dir(self.folder)
            .env("SSH_AUTH_SOCK", &self.socket)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(ended.status.success(), "{program} {words:?}: {ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `ssh-keygen` writes with a passphrase is not signed with by guessing.
#[tokio::test]
async fn a_locked_key_needs_its_agent() {
    if !require_openssh() {
        return;
    }
    let daemon = crew().await;
    let folder = daemon.folder.path();
    let locked = ["-q", "-t", "ed25519", "-N", "a secret", "-f", "locked"];
    ssh(folder, "ssh-keygen", &locked);
    let mode = std::fs::metadata(folder.join("locked"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0);
    let me = person().name;
    let words = [
        "operator",
        "key",
        "add",
        &me,
        "--key",
        "locked.pub",
        "--sign",
        "locked",
    ];
    let mut command = crate::orders::pilothouse(folder, &words);
    command
        .env("SSH_ASKPASS", "false")
        .env("SSH_ASKPASS_REQUIRE", "force");
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("ssh-keygen could not sign"), "{said}");
}
