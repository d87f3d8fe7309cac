//! Messages on their way to those outside: real peers that fail, hang, point
//! elsewhere and talk back.

use crate::http_peer::{Peer, Received, Reply};
use crate::scene::troubled;
use pilothouse::base::Period;
use pilothouse::fleet::{Notify, NotifyTo, SecretRef};
use pilothouse::notify::{Message, Notifier, Retry, Untold, test_message, try_once};
use pilothouse::wire::Identity;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// 32 bytes.
pub const KEY: &str = "whsec_cGlsb3Rob3VzZSBrZXBzIHRoZSB3YXRjaCBhdCBuaWc=";

/// Retries as quick as a test wants them.
const QUICK: Retry = Retry {
    first: Duration::from_millis(1),
    longest: Duration::from_millis(2),
    tries_max: 4,
};

/// A folder of secrets.
struct Secrets(TempDir);

impl Secrets {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn keep(&self, name: &str, value: &str) -> SecretRef {
        let path = self.0.path().join(name);
        std::fs::write(&path, value).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        SecretRef::File(path)
    }

    fn webhook(&self, name: &str, url: &str) -> Notify {
        told(NotifyTo::Webhook {
            url: self.keep(&format!("{name}.url"), url),
            key: self.keep(&format!("{name}.key"), KEY),
        })
    }

    fn slack(&self, url: &str) -> Notify {
        told(NotifyTo::Slack {
            url: self.keep("slack.url", url),
        })
    }
}

fn told(to: NotifyTo) -> Notify {
    Notify {
        name: "ops".into(),
        to,
        events: None,
        timeout: Period::from_ms(20_000),
    }
}

fn message() -> Message {
    test_message("ops", Identity::default(), troubled().now)
}

async fn once(to: &Notify) -> Result<String, Untold> {
    try_once(to, &message(), troubled().now).await
}

#[tokio::test]
async fn a_webhook_is_signed_so_that_others_can_tell() {
    let mut peer = Peer::start(&[Reply::status(204)]).await;
    let secrets = Secrets::new();
    let to = secrets.webhook("ops", &peer.url("/hook"));
    assert_eq!(once(&to).await.unwrap(), "HTTP 204");
    let mut received = peer.next().await;
    assert!(received.is_signed_with(KEY));
    let at_s = (troubled().now.0 / 1_000).to_string();
    assert_eq!(received.header("webhook-timestamp"), at_s);
    assert_eq!(received.header("content-type"), "application/json");
    let body = received.json();
    assert_eq!(body["type"], "pilothouse.test");
    assert_eq!(body["version"], 1);
    assert_eq!(body["data"]["id"], received.header("webhook-id"));
    // The peer's own check can fail: one byte more, another key.
    received.body = [&received.body[..], b" "].concat().into();
    assert!(!received.is_signed_with(KEY));
    received.body = received.body.slice(..received.body.len() - 1);
    assert!(received.is_signed_with(KEY));
    assert!(!received.is_signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
}

#[tokio::test]
async fn what_fails_is_sent_again_as_the_same_message_until_it_arrives() {
    let bad = Reply::status(500);
    let mut peer = Peer::start(&[bad.clone(), bad.clone(), bad, Reply::status(200)]).await;
    let secrets = Secrets::new();
    let to = secrets.webhook("ops", &peer.url("/hook"));
    let mut notifier = Notifier::with(&[to], QUICK);
    let scene = troubled();
    notifier.see(&scene.view(), scene.now);
    let mut tries = Vec::new();
    for _ in 0..4 {
        tries.push(peer.next().await);
    }
    let ids: Vec<&str> = tries.iter().map(|t| t.header("webhook-id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(tries.iter().all(|t| t.is_signed_with(KEY)));
    assert!(tries.iter().all(|t| t.body == tries[0].body));
    assert_eq!(notifier.close(scene.now).await, Vec::<String>::new());
    assert_eq!(peer.so_far().len(), 0);
}

#[tokio::test]
async fn what_never_arrives_is_given_up_and_said() {
    let mut peer = Peer::start(&[Reply::Says(500, "no \u{1b}[2Jroom".into())]).await;
    let secrets = Secrets::new();
    let to = secrets.webhook("ops", &peer.url("/hook"));
    let mut notifier = Notifier::with(&[to], QUICK);
    let scene = troubled();
    notifier.see(&scene.view(), scene.now);
    let untold = notifier.close(scene.now).await;
    let expected = "webhook ops: 1 of what it should hear, HTTP 500: no \\u{1b}[2Jroom";
    assert_eq!(untold, [expected]);
    assert_eq!(peer.so_far().len(), QUICK.tries_max as usize);
}

#[tokio::test]
async fn one_that_hangs_holds_up_nobody_else() {
    let mut deaf = Peer::start(&[Reply::Hangs]).await;
    let mut well = Peer::start(&[Reply::status(200)]).await;
    let secrets = Secrets::new();
    let all = [
        secrets.webhook("deaf", &deaf.url("/")),
        secrets.webhook("well", &well.url("/")),
    ];
    let mut notifier = Notifier::with(&all, QUICK);
    let scene = troubled();
    notifier.see(&scene.view(), scene.now);
    deaf.next().await;
    let received = well.next().await;
    assert_eq!(received.json()["type"], "pilothouse.notice");
    // Its own time is over some day.
    let mut to = secrets.webhook("deaf", &deaf.url("/"));
    to.timeout = Period::from_ms(50);
    let why = once(&to).await.unwrap_err();
    assert!(matches!(why, Untold::Silent(_)), "{why}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut elsewhere = Peer::start(&[Reply::status(200)]).await;
    let peer = Peer::start(&[Reply::Points(elsewhere.url("/stolen"))]).await;
    let secrets = Secrets::new();
    let why = once(&secrets.webhook("ops", &peer.url("/")))
        .await
        .unwrap_err();
    assert!(matches!(why, Untold::Redirected(307)), "{why}");
    let why = once(&secrets.slack(&peer.url("/"))).await.unwrap_err();
    assert!(matches!(why, Untold::Redirected(307)), "{why}");
    assert_eq!(elsewhere.so_far().len(), 0);
}

#[tokio::test]
async fn what_a_peer_says_drives_no_terminal_and_gives_no_secret_back() {
    let token = "T0PSECRETTOKEN";
    let path = format!("/services/{token}?key={token}x");
    let said = format!(
        "\u{1b}]0;owned\u{7} unknown hook {path} {} {KEY}",
        "x".repeat(100_000)
    );
    let peer = Peer::start(&[Reply::Says(404, said)]).await;
    let secrets = Secrets::new();
    for to in [
        secrets.webhook("ops", &peer.url(&path)),
        secrets.slack(&peer.url(&path)),
    ] {
        let why = once(&to).await.unwrap_err();
        for text in [why.to_string(), format!("{why:?}")] {
            assert!(!text.contains(token), "{text}");
            assert!(!text.contains(&KEY[8..]), "{text}");
            assert!(!text.contains('\u{1b}'), "{text}");
            assert!(text.len() < 500, "{text}");
        }
        assert!(
            why.to_string().starts_with("HTTP 404: \\u{1b}]0;owned"),
            "{why}"
        );
    }
}

#[tokio::test]
async fn plain_text_stays_on_this_machine_and_bad_secrets_are_told_without_them() {
    let secrets = Secrets::new();
    let plain = secrets.webhook("ops", "http://hooks.example.com/T0PSECRETTOKEN");
    assert!(matches!(once(&plain).await, Err(Untold::PlainText)));
    for url in [
        "T0PSECRETTOKEN",
        "ftp://127.0.0.1/T0PSECRETTOKEN",
        "file:///T0PSECRETTOKEN",
    ] {
        let why = once(&secrets.slack(url)).await.unwrap_err();
        assert!(matches!(why, Untold::NotAUrl), "{why}");
        assert!(!why.to_string().contains("T0PSECRETTOKEN"), "{why}");
    }
    let mut peer = Peer::start(&[Reply::status(200)]).await;
    let mut to = secrets.webhook("ops", &peer.url("/"));
    if let NotifyTo::Webhook { key, .. } = &mut to.to {
        *key = secrets.keep("bad.key", "T0PSECRETTOKEN");
    }
    let why = once(&to).await.unwrap_err().to_string();
    assert!(
        why.contains("whsec_") && !why.contains("T0PSECRETTOKEN"),
        "{why}"
    );
    assert_eq!(peer.so_far().len(), 0, "nothing is sent unsigned");
    // Nobody listens there, and TLS is ready all the same.
    let closed = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let to = secrets.slack(&format!("https://127.0.0.1:{port}/T0PSECRETTOKEN"));
    let why = once(&to).await.unwrap_err();
    assert!(matches!(why, Untold::NotReached(_)), "{why}");
    assert!(!why.to_string().contains("T0PSECRETTOKEN"), "{why}");
}

#[tokio::test]
async fn chat_text_cannot_call_everybody() {
    let mut peer = Peer::start(&[Reply::status(200)]).await;
    let secrets = Secrets::new();
    let mut scene = troubled();
    let rollout = scene.state.rollout.as_mut().unwrap();
    let shard = rollout
        .shards
        .get_mut(&crate::scene::shard("eu-06"))
        .unwrap();
    shard.failure.as_mut().unwrap().what = "<!channel> & <https://evil.example|look>".into();
    let mut notifier = Notifier::with(&[secrets.slack(&peer.url("/"))], QUICK);
    notifier.see(&scene.view(), scene.now);
    let received: Received = peer.next().await;
    let body = received.json();
    let text = body["text"].as_str().unwrap();
    assert!(
        text.contains("&lt;!channel&gt; &amp; &lt;https://evil"),
        "{text}"
    );
    assert!(!text.contains('<') && !text.contains('>'), "{text}");
    assert_eq!(body.as_object().unwrap().len(), 1);
    let unsigned = ["webhook-id", "webhook-signature"];
    assert!(unsigned.iter().all(|h| !received.headers.contains_key(*h)));
}

fn program(folder: &Path, text: &str) -> Notify {
    let path = folder.join("tell");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    told(NotifyTo::Command {
        argv: vec![path.display().to_string(), "a b; touch owned".into()],
        directory: folder.to_owned(),
    })
}

#[tokio::test]
async fn a_program_gets_the_message_and_its_ending_counts() {
    let folder = tempfile::tempdir().unwrap();
    let to = program(folder.path(), "cat > got.json; echo \"$1\" > argument");
    assert_eq!(once(&to).await.unwrap(), "exit status 0");
    let got = std::fs::read(folder.path().join("got.json")).unwrap();
    assert_eq!(got, message().body());
    let argument = std::fs::read_to_string(folder.path().join("argument")).unwrap();
    assert_eq!(argument, "a b; touch owned\n");
    assert!(!folder.path().join("owned").exists());
    let failed = once(&program(folder.path(), "echo T0PSECRETTOKEN >&2; exit 3")).await;
    let why = failed.unwrap_err().to_string();
    assert!(why.ends_with("ended with exit status: 3"), "{why}");
    // One that does not read, and one that does not end, with what it started.
    assert!(once(&program(folder.path(), "exit 0")).await.is_ok());
    let mut slow = program(
        folder.path(),
        "mkfifo hold; cat hold & echo $! > child; cat hold",
    );
    slow.timeout = Period::from_ms(500);
    let why = once(&slow).await.unwrap_err();
    assert!(matches!(why, Untold::TooSlow { .. }), "{why}");
    let absent = told(NotifyTo::Command {
        argv: vec!["no-such-program-here".into()],
        directory: folder.path().to_owned(),
    });
    assert!(matches!(once(&absent).await, Err(Untold::NotRun { .. })));
}
