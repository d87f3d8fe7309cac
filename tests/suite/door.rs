//! Who gets in over a network, and who does not.

use crate::certificates::{Authority, Issued};
use crate::daemon::Daemon;
use crate::documents::scratch;
use crate::orders::pilothouse;
use pilothouse::api::http::{Access, give_act};
use pilothouse::api::token::mint;
use pilothouse::base::Actor;
use pilothouse::rollout::{Scope, Verb};
use pilothouse::wire::CommandEnvelope;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpSocket;

/// Whatever is waited for has happened by then.
const DEADLINE: Duration = Duration::from_secs(60);

/// An answer as it came.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// A request over plain TCP.
fn ask(at: SocketAddr, head: &str) -> Answer {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).map_or(0, |s| s.parse().unwrap());
    Answer {
        status,
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

fn get(at: SocketAddr, path: &str, headers: &[&str]) -> Answer {
    let headers: String = headers.iter().map(|h| format!("{h}\r\n")).collect();
    ask(
        at,
        &format!("GET {path} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n"),
    )
}

/// `GET /v1/me` by whoever has this token.
fn me(at: SocketAddr, token: &str) -> Answer {
    let by = format!("authorization: Bearer {token}");
    get(at, "/v1/me", &["host: 127.0.0.1", &by])
}

/// Where it listens without TLS.
fn plain(daemon: &Daemon) -> SocketAddr {
    let at = daemon
        .listening
        .iter()
        .find_map(|a| a.strip_prefix("http://"));
    at.unwrap().parse().unwrap()
}

const PLAIN: [&str; 4] = [
    "--migration",
    "change.toml",
    "--listen",
    "http://127.0.0.1:0",
];

#[tokio::test]
async fn over_a_network_nobody_gets_in_before_somebody_is_enrolled() {
    let mut daemon = Daemon::in_folder(scratch().await);
    daemon.serve(&PLAIN);
    let at = plain(&daemon);
    for headers in [
        &["host: 127.0.0.1"][..],
        &[
            "host: 127.0.0.1",
            &format!("authorization: Bearer {}", mint().unwrap().token.reveal()),
        ],
    ] {
        for path in [
            "/v1/me",
            "/v1/view",
            "/v1/events",
            "/metrics",
            "/v1/openapi.json",
        ] {
            let answer = get(at, path, headers);
            assert_eq!(answer.status, 403, "{path}: {}", answer.body);
            assert!(
                answer.body.contains("nobody is enrolled"),
                "{}",
                answer.body
            );
            assert!(
                answer.body.contains("pilothouse operator add"),
                "{}",
                answer.body
            );
        }
    }
    // Whether it lives is for everybody to ask, and its owner has the socket.
    assert_eq!(get(at, "/healthz", &["host: 127.0.0.1"]).status, 200);
    let me = "GET /v1/me HTTP/1.1\r\nhost: pilothouse\r\nconnection: close\r\n\r\n";
    assert_eq!(daemon.request(me).0, 200);
}

#[tokio::test]
async fn on_every_address_a_token_is_needed_and_each_wrong_one_is_told_apart() {
    let mut daemon = Daemon::in_folder(scratch().await);
    let mine = daemon.enrol_myself();
    daemon.done(&["operator", "add", "ana", "--role", "viewer"]);
    let over = daemon.token_of("ana", "1s");
    let revoked = daemon.token_of("ana", "1h");
    let id = revoked.split('_').nth(1).unwrap();
    daemon.done(&["operator", "revoke", "ana", "--token-id", id]);
    daemon.serve(&PLAIN);
    let at = plain(&daemon);
    assert_eq!(me(at, &mine).status, 200);
    let begun = Instant::now();
    let expired = loop {
        let answer = me(at, &over);
        if answer.status == 401 {
            break answer;
        }
        assert!(
            begun.elapsed() < DEADLINE,
            "a token of a second is still good"
        );
    };
    assert!(expired.body.contains("has expired"), "{}", expired.body);
    let without = get(at, "/v1/me", &["host: 127.0.0.1"]);
    assert_eq!(without.status, 401);
    assert!(
        without.head.contains("www-authenticate: bearer"),
        "{}",
        without.head
    );
    assert!(
        without.body.contains("a token is needed"),
        "{}",
        without.body
    );
    let forged = mint().unwrap();
    // The right id with another secret.
    let (secret, checksum) = (forged.token.reveal(), mine.rsplit('_').next().unwrap());
    let half = secret.rsplit_once('_').unwrap().0;
    for (token, why) in [
        (secret, "not known"),
        (&format!("{half}_{checksum}"), "copied wrongly"),
        (&revoked, "was revoked"),
        ("root", "no token of pilothouse"),
        ("", "no token of pilothouse"),
    ] {
        let answer = me(at, token);
        assert_eq!(answer.status, 401, "{why}: {}", answer.body);
        assert!(answer.body.contains(why), "{why}: {}", answer.body);
        assert!(
            token.len() < 9 || !answer.body.contains(token),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn only_requests_that_are_meant_for_it_are_served_and_none_from_a_page() {
    let mut daemon = Daemon::in_folder(scratch().await);
    let mine = daemon.enrol_myself();
    let more = ["--name", "db1.example"];
    daemon.serve(&[&PLAIN[..], &more].concat());
    let at = plain(&daemon);
    let by = format!("authorization: Bearer {mine}");
    for (host, status) in [
        (format!("host: {at}"), 200),
        ("host: 127.0.0.1".into(), 200),
        ("host: LocalHost:1".into(), 200),
        ("host: DB1.example.:7443".into(), 200),
        ("host: evil.example".into(), 421),
        ("host: db1.example.evil.example".into(), 421),
        ("host: 127.0.0.2".into(), 421),
        ("host: pilothouse".into(), 421),
        ("host: a b".into(), 400),
        ("host: 127.0.0.1\r\nhost: evil.example".into(), 400),
        ("accept: */*".into(), 400),
    ] {
        for path in ["/v1/me", "/healthz"] {
            let answer = get(at, path, &[&host, &by]);
            assert_eq!(answer.status, status, "{host} {path}: {}", answer.body);
        }
    }
    let named = get(at, "http://evil.example/v1/me", &["host: 127.0.0.1", &by]);
    assert_eq!(named.status, 421);
    assert!(named.body.contains("--name evil.example"), "{}", named.body);
    for origin in ["origin: http://127.0.0.1", "origin: null"] {
        let paged = get(at, "/v1/me", &["host: 127.0.0.1", &by, origin]);
        assert_eq!(paged.status, 403, "{}", paged.body);
    }
    // The socket has a name as well.
    let other = "GET /healthz HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert_eq!(daemon.request(other).0, 421);
}

#[tokio::test]
async fn who_asks_too_often_is_told_to_wait_and_the_right_token_still_counts() {
    let mut daemon = Daemon::in_folder(scratch().await);
    let mine = daemon.enrol_myself();
    daemon.serve(&PLAIN);
    let at = plain(&daemon);
    let forged = mint().unwrap();
    let mut tries = 0;
    let refused = loop {
        tries += 1;
        let answer = me(at, forged.token.reveal());
        if answer.status != 401 || tries > 1_000 {
            break answer;
        }
    };
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert!(refused.body.contains("too_often"), "{}", refused.body);
    assert_eq!(me(at, &mine).status, 200);
    // Everything that one connection carries is counted one by one.
    let one =
        format!("GET /v1/me HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {mine}\r\n\r\n");
    let mut stream = TcpStream::connect(at).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut answered = 0;
    // One after the other: a reset would take answers with it that were not
    // read yet.
    let refused = loop {
        stream.write_all(one.as_bytes()).unwrap();
        let status = status_of_next(&mut reader);
        if status != 200 || answered > 100_000 {
            break status;
        }
        answered += 1;
    };
    assert_eq!(refused, 429, "after {answered}");
    assert!(answered >= 400, "{answered}");
}

/// Reads one answer of a connection that goes on; its status.
fn status_of_next(reader: &mut BufReader<TcpStream>) -> u16 {
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim().to_ascii_lowercase();
        if let Some(bytes) = line.strip_prefix("content-length:") {
            length = bytes.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let status = first.split_whitespace().nth(1).unwrap();
    status.parse().unwrap()
}

/// A server that says these, one to each request; when each request came.
fn scripted(answers: Vec<String>) -> (SocketAddr, JoinHandle<Vec<Instant>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let told = std::thread::spawn(move || {
        let told = answers.into_iter().map(|answer| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = Vec::new();
            let mut some = [0; 4_096];
            // The body of an act ends with its brace; a question has none.
            while !heard.ends_with(b"}") && !heard.starts_with(b"GET") {
                let count = stream.read(&mut some).unwrap();
                heard.extend_from_slice(&some[..count]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            Instant::now()
        });
        told.collect()
    });
    (at, told)
}

#[tokio::test]
async fn a_client_that_is_told_to_wait_does_and_its_act_is_taken() {
    let says = |status: &str, more: &str, body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\n{more}connection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let often = |wait: u32| {
        let body = r#"{"code":"too_often","text":"later"}"#;
        says(
            "429 Too Many Requests",
            &format!("retry-after: {wait}\r\n"),
            body,
        )
    };
    let taken = says("200 OK", "", r#"{"accepted":{"seq":7}}"#);
    // Whoever may not ask who they are may still stop work.
    let (at, told) = scripted(vec![often(60), often(1), taken]);
    let access = Access {
        address: format!("http://{at}").parse().unwrap(),
        tls: None,
        session: String::new(),
        token: None,
    };
    let pause = CommandEnvelope {
        key: "k".into(),
        actor: Actor::person("ana"),
        scope: Scope::Fleet,
        verb: Verb::Pause,
        seen: None,
        confirm: None,
        reason: String::new(),
    };
    let answer = give_act(&access, pause).await;
    assert_eq!(answer, Ok(pilothouse::wire::Answer::Accepted { seq: 7 }));
    let told = told.join().unwrap();
    assert!(told[2] - told[1] >= Duration::from_secs(1), "{told:?}");
}

/// A stream of events, from one of this machine's own addresses.
async fn watch(from: &str, at: SocketAddr, token: &str) -> tokio::net::TcpStream {
    let mut stream = from_address(from, at).await;
    let text = format!(
        "GET /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    // Whoever is not let in may be gone already.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await;
    stream
}

async fn from_address(from: &str, at: SocketAddr) -> tokio::net::TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(at).await.unwrap()
}

/// Whether it is let in: the first bytes of an answer, or the end.
async fn is_let_in(stream: &mut tokio::net::TcpStream) -> bool {
    let mut first = [0; 12];
    let read = tokio::time::timeout(DEADLINE, stream.read_exact(&mut first)).await;
    let read = read.expect("neither an answer nor an end");
    read.is_ok() && first == *b"HTTP/1.1 200"
}

#[tokio::test]
async fn one_peer_has_so_many_connections_and_the_others_have_theirs() {
    let mut daemon = Daemon::in_folder(scratch().await);
    let mine = daemon.enrol_myself();
    daemon.serve(&PLAIN);
    let at = plain(&daemon);
    let mut held = Vec::new();
    for _ in 0..128 {
        let mut stream = watch("127.0.0.2", at, &mine).await;
        assert!(is_let_in(&mut stream).await);
        held.push(stream);
    }
    for _ in 0..1_000 {
        let mut one_more = watch("127.0.0.2", at, &mine).await;
        assert!(!is_let_in(&mut one_more).await);
    }
    assert!(is_let_in(&mut watch("127.0.0.3", at, &mine).await).await);
    held.pop();
    // As soon as the daemon has seen the end of it.
    let begun = Instant::now();
    while !is_let_in(&mut watch("127.0.0.2", at, &mine).await).await {
        assert!(begun.elapsed() < DEADLINE, "its place was not given back");
    }
}

/// A daemon that listens with TLS, at the first of these.
async fn far(server: &Issued, more: &[&str]) -> (Daemon, String, SocketAddr) {
    let mut daemon = Daemon::in_folder(scratch().await);
    let mine = daemon.enrol_myself();
    let folder = daemon.folder.path();
    private(&folder.join("me.token"), &mine);
    let (certificate, key) = server.write(folder, "server");
    let words = [
        &[
            "--migration",
            "change.toml",
            "--listen",
            "tls://127.0.0.1:0",
        ][..],
        &["--tls-cert", &certificate, "--tls-key", &key],
        more,
    ];
    daemon.serve(&words.concat());
    let url = daemon.listening[1].clone();
    let at = url.strip_prefix("https://").unwrap().parse().unwrap();
    (daemon, url, at)
}

fn private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A cockpit in lines that is left at once.
fn attach(folder: &Path, url: &str, more: &[&str]) -> Output {
    attaching(folder, url, more).output().unwrap()
}

fn attaching(folder: &Path, url: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    command
        .args(["attach", url, "--plain", "--token", "file:me.token"])
        .args(more)
        .current_dir(folder)
        .stdin(std::process::Stdio::null());
    command
}

fn refused(ended: &Output, code: i32, parts: &[&str]) {
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn a_cockpit_far_away_trusts_the_right_certificate_and_no_other() {
    let authority = Authority::new("server");
    let (daemon, url, _) = far(&authority.issue("127.0.0.1"), &[]).await;
    let folder = daemon.folder.path();
    let authority = authority.write(folder);
    Authority::new("other").write(folder);
    let left = attach(folder, &url, &["--tls-ca", "server-ca.pem"]);
    assert!(left.status.success(), "{left:?}");
    let sent = "Nothing was sent";
    let other = attach(folder, &url, &["--tls-ca", "other-ca.pem"]);
    refused(&other, 3, &[&url, sent, "not trusted here", "--tls-ca"]);
    // Without the option, whomever this machine trusts.
    for (list, code) in [("server-ca.pem", 0), ("other-ca.pem", 3)] {
        let ended = attaching(folder, &url, &[])
            .env("SSL_CERT_FILE", folder.join(list))
            .output()
            .unwrap();
        refused(&ended, code, &[]);
    }
    let elsewhere = url.replace("127.0.0.1", "localhost");
    let other = attach(folder, &elsewhere, &["--tls-ca", "server-ca.pem"]);
    refused(&other, 3, &[sent, "not for localhost", "127.0.0.1"]);
    let expired = authority.issue_until("127.0.0.1", 2_020);
    let (daemon, url, _) = far(&expired, &[]).await;
    let folder = daemon.folder.path();
    authority.write(folder);
    let expired = attach(folder, &url, &["--tls-ca", "server-ca.pem"]);
    refused(&expired, 3, &[&url, sent, "has expired", "renewed"]);
}

#[tokio::test]
async fn where_a_certificate_is_demanded_only_the_right_one_gets_through() {
    let authority = Authority::new("server");
    let server = authority.issue("127.0.0.1");
    let (clients, strangers) = (Authority::new("clients"), Authority::new("strangers"));
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("clients-ca.pem");
    let clients = clients.write(folder.path());
    let demand = ["--tls-client-ca", ca.to_str().unwrap()];
    let (daemon, url, _) = far(&server, &demand).await;
    let folder = daemon.folder.path();
    authority.write(folder);
    let trust = ["--tls-ca", "server-ca.pem"];
    let none = attach(folder, &url, &trust);
    refused(
        &none,
        3,
        &[&url, "wants a certificate of yours", "--tls-cert"],
    );
    for (name, issued) in [
        ("stranger", strangers.issue("ana")),
        ("late", clients.issue_until("ana", 2_020)),
    ] {
        let (certificate, key) = issued.write(folder, name);
        let own = ["--tls-cert", &certificate, "--tls-key", &key];
        let ended = attach(folder, &url, &[&trust[..], &own].concat());
        refused(&ended, 3, &[&url, "certificate"]);
    }
    let (certificate, key) = clients.issue("ana").write(folder, "ana");
    let own = ["--tls-cert", &certificate, "--tls-key", &key];
    let left = attach(folder, &url, &[&trust[..], &own].concat());
    assert!(left.status.success(), "{left:?}");
    // The certificate is no identity: without a token nobody is anybody.
    private(&folder.join("me.token"), mint().unwrap().token.reveal());
    let ended = attach(folder, &url, &[&trust[..], &own].concat());
    refused(&ended, 3, &["not known"]);
}

#[tokio::test]
async fn who_speaks_another_language_is_told_and_who_says_nothing_holds_nobody_up() {
    let authority = Authority::new("server");
    let more = ["--listen", "http://127.0.0.1:0"];
    let (daemon, url, at) = far(&authority.issue("127.0.0.1"), &more).await;
    let folder = daemon.folder.path();
    authority.write(folder);
    let clear = get(at, "/v1/me", &["host: 127.0.0.1"]);
    assert_eq!(clear.status, 400);
    assert!(clear.body.contains("https://"), "{}", clear.body);
    let trust = ["--tls-ca", "server-ca.pem"];
    let wrong = format!("https://{}", plain(&daemon));
    refused(&attach(folder, &wrong, &trust), 3, &["does not speak TLS"]);
    // What is no TLS after all, and what is nothing.
    let mut broken = from_address("127.0.0.4", at).await;
    tokio::io::AsyncWriteExt::write_all(&mut broken, &[22; 64])
        .await
        .unwrap();
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(from_address("127.0.0.4", at).await);
    }
    let left = attach(folder, &url, &trust);
    assert!(left.status.success(), "{left:?}");
    // Nobody holds a place for ever by being silent.
    for stream in silent.iter_mut().chain([&mut broken]) {
        let mut said = Vec::new();
        let ended = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut said)).await;
        assert!(ended.is_ok(), "it is still held open");
    }
}

#[tokio::test]
async fn what_cannot_be_listened_at_is_refused_before_anything_is_opened() {
    let folder = scratch().await;
    let folder = folder.path();
    let authority = Authority::new("server").write(folder);
    let (certificate, key) = authority.issue("127.0.0.1").write(folder, "server");
    let (_, others) = authority.issue("127.0.0.1").write(folder, "other");
    std::fs::copy(folder.join("server.key"), folder.join("open.key")).unwrap();
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.join("open.key"), open).unwrap();
    let far = ["--listen", "tls://127.0.0.1:0"];
    let with = |certificate: &'static str, key: &'static str| {
        vec![far[0], far[1], "--tls-cert", certificate, "--tls-key", key]
    };
    assert_eq!(
        (certificate.as_str(), key.as_str()),
        ("server.pem", "file:server.key")
    );
    assert_eq!(others, "file:other.key");
    for (words, why) in [
        (
            vec!["--listen", "http://0.0.0.0:0"],
            "tls://0.0.0.0:0 with --tls-cert",
        ),
        (
            vec!["--listen", "tls://db1:1"],
            "an address of this machine",
        ),
        (far.to_vec(), "--tls-cert FILE and --tls-key REF"),
        (
            vec!["--tls-cert", "server.pem", "--tls-key", "file:server.key"],
            "--listen tls://",
        ),
        (
            with("none.pem", "file:server.key"),
            "--tls-cert none.pem: it cannot be read",
        ),
        (
            with("fleet.toml", "file:server.key"),
            "no certificate is in it",
        ),
        (
            with("server.pem", "file:none.key"),
            "none.key cannot be read",
        ),
        (with("server.pem", "file:open.key"), "chmod 600"),
        (
            with("server.pem", "server.key"),
            "not a reference to a secret",
        ),
        (
            with("server.pem", "file:other.key"),
            "cannot be used together",
        ),
        (
            with("server.pem", "exec:/bin/echo no"),
            "no private key is in it",
        ),
        (vec!["--name", "https://db1"], "no name of a machine"),
    ] {
        let all = [&["serve", "--migration", "change.toml"][..], &words].concat();
        let ended = pilothouse(folder, &all).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(why), "{words:?}: {said}");
        assert!(!folder.join(".pilothouse").exists(), "{words:?}");
    }
    let clear = Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .args(["attach", "http://db1.example:80"])
        .output()
        .unwrap();
    refused(&clear, 2, &["without TLS", "https://db1.example:80"]);
}

/// Needs root, to be somebody else: nobody has two accounts otherwise.
#[tokio::test]
async fn while_nobody_is_enrolled_another_account_does_nothing_whatever_it_can_open() {
    use std::os::unix::process::CommandExt as _;
    if !rustix::process::getuid().is_root() {
        println!("SKIPPED: only root can try to be another account");
        return;
    }
    let mut daemon = Daemon::in_folder(scratch().await);
    daemon.serve(&["--migration", "change.toml"]);
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let socket = daemon.listening[0].clone();
    let folder = daemon.folder.path();
    for path in [folder, &folder.join(".pilothouse")] {
        open(path, 0o755);
    }
    open(&daemon.socket(), 0o666);
    // The program too must be where anybody can run it.
    let program = folder.join("pilothouse");
    std::fs::copy(env!("CARGO_BIN_EXE_pilothouse"), &program).unwrap();
    open(&program, 0o755);
    let stranger = || {
        let mut command = Command::new(&program);
        command.args(["attach", &socket, "--plain"]);
        command.uid(65_534).gid(65_534).current_dir("/");
        command.stdin(std::process::Stdio::null()).output().unwrap()
    };
    refused(&stranger(), 3, &["nobody is enrolled", "operator add"]);
    daemon.enrol_myself();
    refused(&stranger(), 3, &["is not enrolled here"]);
}

/// What stands in the document under this tag.
fn block(tag: &str) -> String {
    let text = include_str!("../../docs/daemon.md");
    let (_, after) = text.split_once(&format!("```{tag}\n")).unwrap();
    after.split("```").next().unwrap().to_owned()
}

#[tokio::test]
async fn the_certificates_of_the_document_are_good_ones() {
    let openssl = Command::new("openssl").arg("version").output();
    if !openssl.is_ok_and(|o| o.stdout.starts_with(b"OpenSSL 3")) {
        println!("SKIPPED: openssl 3 is not there");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("bash")
        .args(["-e", "-c", &block("sh").replace("192.0.2.10", "127.0.0.1")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let server = Issued {
        certificate: read("server.pem"),
        key: read("server.key"),
    };
    let ca = folder.path().join("ca.pem");
    let ca = ca.to_str().unwrap();
    let (daemon, url, _) = far(&server, &["--tls-client-ca", ca]).await;
    std::fs::copy(
        daemon.folder.path().join("me.token"),
        folder.path().join("me.token"),
    )
    .unwrap();
    let words = [
        "--tls-ca",
        ca,
        "--tls-cert",
        "ana.pem",
        "--tls-key",
        "file:ana.key",
    ];
    let left = attach(folder.path(), &url, &words);
    assert!(left.status.success(), "{left:?}");
}

#[test]
fn the_unit_of_the_document_starts_what_can_be_parsed() {
    use clap::Parser as _;
    let unit = block("ini");
    let (_, after) = unit.split_once("ExecStart=").unwrap();
    let words = after.lines().next().unwrap().split(' ');
    pilothouse::cli::args::Cli::try_parse_from(words).unwrap();
}
