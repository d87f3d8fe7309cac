//! Canaries: a secret that nobody else has, in every place of the config that
//! holds or leads to one. None may turn up anywhere.

use crate::daemon::Daemon;
use crate::documents::scratch;
use crate::http_peer::{Peer, Reply};
use crate::orders::pilothouse;
use crate::told_daemon::{append, keep};
use base64::Engine as _;
use pilothouse::base::Secret;
use pilothouse::fleet;
use std::path::Path;
use std::process::Output;

/// What is looked for, and the key of the webhook, which must be base64.
const PASSWORD: &str = "canaryPasswordQ1x7";
const URL: &str = "canaryUrlQ2x7";
const CHAT: &str = "canaryChatQ3x7";
const EXEC: &str = "canaryExecQ4x7";
const ENV: &str = "canaryEnvQ5x7";

fn key() -> String {
    let bytes = "canaryKeyQ6x7 and some more bytes of it";
    format!(
        "whsec_{}",
        base64::engine::general_purpose::STANDARD.encode(bytes)
    )
}

/// Every canary, and every form in which it might travel.
fn canaries() -> Vec<String> {
    let mut all: Vec<String> = [PASSWORD, URL, CHAT, EXEC, ENV].map(str::to_owned).to_vec();
    all.push("canaryKeyQ6x7".into());
    all.push(key()["whsec_".len()..].to_owned());
    all
}

fn assert_clean(what: &str, bytes: &[u8]) {
    for canary in canaries() {
        let found = bytes.windows(canary.len()).any(|w| w == canary.as_bytes());
        assert!(
            !found,
            "{canary} in {what}: {}",
            String::from_utf8_lossy(bytes)
        );
    }
}

/// A fleet in which every way to name a secret leads to a canary. The last
/// shard is on a server that nobody runs.
async fn fleet(peer: &Peer) -> tempfile::TempDir {
    let folder = scratch().await;
    let here = folder.path();
    keep(here, "password", PASSWORD);
    keep(
        here,
        "ops.url",
        &peer.url(&format!("/services/{URL}?token={URL}")),
    );
    keep(here, "ops.key", &key());
    keep(here, "chat.url", &peer.url(&format!("/{CHAT}")));
    append(
        here,
        r#"
[[notify]]
name = "ops"
to = { webhook = { url = "file:ops.url", key = "file:ops.key" } }
[[notify]]
name = "chat"
to = { slack = { url = "exec:cat chat.url" } }
[[notify]]
name = "other"
to = { slack = { url = "env:OTHER_URL" } }
[[notify]]
name = "pager"
to = { command = { argv = ["false"] } }
"#,
    );
    // The one that is fetched by a program is fetched from anywhere.
    let text = std::fs::read_to_string(here.join("fleet.toml")).unwrap();
    let absolute = format!("exec:cat {}", here.join("chat.url").display());
    std::fs::write(
        here.join("fleet.toml"),
        text.replace("exec:cat chat.url", &absolute),
    )
    .unwrap();
    folder
}

fn with_servers(here: &Path) {
    let shard = |name: &str, password: &str| {
        format!(
            "[[shard]]\nname = \"{name}\"\nring = \"broad\"\npassword = \"{password}\"\n\
             candidates = [\"postgres://app@127.0.0.1:1/{name}\"]\n"
        )
    };
    append(here, &shard("p1", "file:password"));
    append(here, &shard("p2", "env:ENV_PASSWORD"));
    keep(here, "exec.password", EXEC);
    append(
        here,
        &shard(
            "p4",
            &format!("exec:cat {}", here.join("exec.password").display()),
        ),
    );
}

async fn said(folder: &Path, words: &[&str]) -> Output {
    let mut command = pilothouse(folder, words);
    command.env("ENV_PASSWORD", ENV);
    command.env("OTHER_URL", format!("http://127.0.0.1:1/{ENV}"));
    command.env("RUST_BACKTRACE", "full");
    let output = tokio::task::spawn_blocking(move || command.output());
    output.await.unwrap().unwrap()
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

#[tokio::test]
async fn no_secret_is_in_any_output_journal_message_or_metric() {
    // A peer that sends back whatever it was sent.
    let mut peer = Peer::start(&[Reply::Echoes]).await;
    let mut daemon = Daemon::in_folder(fleet(&peer).await);
    let here = daemon.folder.path().to_owned();
    for words in [
        &["plan", "--migration", "change.toml"][..],
        &["plan", "--migration", "change.toml", "--sql"],
        &[
            "run",
            "--headless",
            "--migration",
            "change.toml",
            "--to",
            "snapshot",
            "--promote",
            "auto",
        ],
        &["notify", "test"],
        &["status"],
        &["status", "--json"],
        &["hold", "--ring", "broad", "--reason", "a test"],
    ] {
        let output = said(&here, words).await;
        assert_clean(
            &format!("{words:?}"),
            &[output.stdout, output.stderr].concat(),
        );
    }
    daemon.serve(&[]);
    let mut one = daemon.attach("one");
    one.until("failures to tell", |o| {
        let failing = |n: &pilothouse::wire::NotifyView| {
            matches!(n.delivery, pilothouse::wire::Delivery::Failing { .. })
        };
        o.view.header.notify.len() == 4
            && o.view.header.notify.iter().filter(|n| failing(n)).count() >= 3
    })
    .await;
    assert_clean("the view", &serde_json::to_vec(&one.view).unwrap());
    for path in ["/metrics", "/v1/view", "/v1/me", "/readyz"] {
        let text = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert_clean(path, daemon.request(&text).1.as_bytes());
    }
    let mut stored = Vec::new();
    files(&here.join(".pilothouse"), &mut stored);
    assert!(stored.len() >= 2, "{stored:?}");
    for path in stored.iter().filter(|p| p.is_file()) {
        assert_clean(&path.display().to_string(), &std::fs::read(path).unwrap());
    }
    let told = peer.so_far();
    assert!(told.len() >= 4, "{}", told.len());
    for message in told {
        assert_clean("a message", &message.body);
        // The way to a peer may name it; nothing that is not its own does.
        let own = message.path.contains(URL) || message.path.contains(CHAT);
        assert!(own && !message.path.contains(PASSWORD), "{}", message.path);
        for (name, value) in &message.headers {
            assert_clean(name.as_str(), value.as_bytes());
        }
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_does_not_bring_its_password_to_light() {
    let peer = Peer::start(&[Reply::status(200)]).await;
    let folder = fleet(&peer).await;
    with_servers(folder.path());
    for words in [
        &["plan", "--migration", "change.toml"][..],
        &["run", "--headless", "--migration", "change.toml"],
        &["status"],
        &["forget"],
    ] {
        let output = said(folder.path(), words).await;
        // There is nothing to forget, which is fine.
        assert_eq!(output.status.success(), words == ["forget"], "{words:?}");
        assert_clean(
            &format!("{words:?}"),
            &[output.stdout, output.stderr].concat(),
        );
    }
    let loaded = fleet::load(&folder.path().join("fleet.toml")).unwrap();
    assert_clean("the fleet", format!("{:?}", loaded.fleet).as_bytes());
    assert_clean("its source", format!("{:?}", loaded.source).as_bytes());
}

/// Somebody writes the secret itself where only a reference may stand.
#[tokio::test]
async fn a_secret_written_into_the_file_is_refused_and_not_shown() {
    let secret = "canaryUrlQ2x7";
    let mistakes = [
        format!(
            "[[notify]]\nname = \"a\"\nto = {{ slack = {{ url = \"https://hooks.example.com/{secret}\" }} }}\n"
        ),
        format!("[[notify]]\nname = \"a\"\nto = {{ slack = {{ url = \"{secret}\" }} }}\n"),
        format!("[[notify]]\nname = \"a\"\nto = {{ slack = \"{secret}\" }}\n"),
        format!("[[notify]]\nname = \"a\"\nto = \"https://{secret}\"\n"),
        format!(
            "[[notify]]\nname = \"a\"\n[notify.to.webhook]\nurl = \"env:A\"\nkey = \"whsec_{secret}\"\n"
        ),
        format!(
            "[[notify]]\nname = \"a\"\n[notify.to.webhook]\nurl = \"env:A\"\nkey = \"{secret}\"\n"
        ),
        format!(
            "[[notify]]\nname = \"a\"\n[notify.to.webhook]\nurl = [\"{secret}\"]\nkey = \"env:A\"\n"
        ),
        format!(
            "[[shard]]\nname = \"x\"\nring = \"broad\"\npassword = \"{secret}\"\ncandidates = [\"postgres://u@127.0.0.1/d\"]\n"
        ),
        format!(
            "[[shard]]\nname = \"x\"\nring = \"broad\"\ncandidates = [\"postgres://u:{secret}@127.0.0.1/d\"]\n"
        ),
        format!(
            "[[shard]]\nname = \"x\"\nring = \"broad\"\ncandidates = [\"postgres://u@127.0.0.1/d?password={secret}\"]\n"
        ),
    ];
    for mistake in mistakes {
        let folder = scratch().await;
        append(folder.path(), &mistake);
        let output = said(folder.path(), &["plan", "--migration", "change.toml"]).await;
        assert_eq!(output.status.code(), Some(2), "{mistake}");
        assert_clean(
            &mistake.replace(secret, "…"),
            &[output.stdout, output.stderr].concat(),
        );
    }
}

#[test]
fn a_panic_shows_no_secret() {
    let secret = Secret::new(PASSWORD);
    let shown = std::panic::catch_unwind(|| {
        let nothing: Result<(), &Secret> = std::hint::black_box(Err(&secret));
        nothing.unwrap();
    });
    let text = shown.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("Secret(…)"), "{text}");
    assert_clean("a panic", text.as_bytes());
    // The check itself can fail.
    let caught = std::panic::catch_unwind(|| assert_clean("a test", PASSWORD.as_bytes()));
    assert!(caught.is_err());
}
