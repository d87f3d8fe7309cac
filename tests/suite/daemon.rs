//! One engine behind a socket, and many who are attached to it.

use crate::certificates::{Authority, free_port};
use crate::documents::scratch;
use crate::orders::pilothouse;
use pilothouse::api::address::Address;
use pilothouse::api::client::{Client, Told};
use pilothouse::api::http::{Access, HttpClient};
use pilothouse::api::tls::{TlsClient, Trust};
use pilothouse::base::{Actor, Secret};
use pilothouse::rollout::{Scope, Verb};
use pilothouse::wire::{Answer, CommandEnvelope, Company, FleetView, ServerMessage, Stream, fold};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Whatever is waited for has happened by then.
const DEADLINE: Duration = Duration::from_secs(60);

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let come = tokio::time::timeout(DEADLINE, future).await;
    come.unwrap_or_else(|_| panic!("never came: {what}"))
}

/// How the clients of a test come to their daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over the socket, as their account.
    Socket,
    /// Over TLS, with a token of somebody of the same name.
    Tls,
}

/// `pilothouse serve` in a folder of its own; it does not outlive the test.
pub struct Daemon {
    pub folder: TempDir,
    /// Where it says that it listens, as clients write it; the socket first.
    pub listening: Vec<String>,
    way: Way,
    /// What it is always started with.
    words: Vec<String>,
    /// Of whoever runs the test, if people are enrolled.
    token: Option<String>,
    child: Option<Child>,
}

impl Daemon {
    pub async fn start() -> Self {
        Self::start_for(Way::Socket).await
    }

    pub async fn start_for(way: Way) -> Self {
        let mut daemon = Self::in_folder(scratch().await);
        if way == Way::Tls {
            daemon.enrol_myself();
            daemon.listen_far();
        }
        daemon.serve(&["--migration", "change.toml"]);
        daemon
    }

    /// Where it will serve, once it is started.
    pub fn in_folder(folder: TempDir) -> Self {
        Self {
            folder,
            listening: Vec::new(),
            way: Way::Socket,
            words: Vec::new(),
            token: None,
            child: None,
        }
    }

    /// Whoever runs the test is an admin and an operator, with a token.
    pub fn enrol_myself(&mut self) -> String {
        let me = pilothouse::api::account::person().name;
        let roles = ["--role", "admin", "--role", "operator"];
        self.done(&[&["operator", "add", &me][..], &roles].concat());
        let token = self.token_of(&me, "30d");
        self.token = Some(token.clone());
        token
    }

    pub fn token_of(&self, name: &str, life: &str) -> String {
        let token = self.done(&["operator", "token", name, "--expires", life]);
        token.trim().to_owned()
    }

    /// A command that succeeds; what it says on stdout.
    pub fn done(&self, words: &[&str]) -> String {
        let ended = pilothouse(self.folder.path(), words).output().unwrap();
        assert!(ended.status.success(), "{words:?}: {ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    }

    /// From its next start it listens with TLS too, at the same port each time.
    fn listen_far(&mut self) {
        let folder = self.folder.path();
        let server = Authority::new("server").write(folder).issue("127.0.0.1");
        let (certificate, key) = server.write(folder, "server");
        self.way = Way::Tls;
        let at = format!("tls://127.0.0.1:{}", free_port());
        self.words = [
            "--listen",
            &at,
            "--tls-cert",
            &certificate,
            "--tls-key",
            &key,
        ]
        .map(str::to_owned)
        .into();
    }

    /// Starts it, and waits until it listens.
    pub fn serve(&mut self, more: &[&str]) {
        let always: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let words = [&["serve"][..], more, &always].concat();
        let places = 1 + words
            .iter()
            .filter(|w| w.starts_with("tls:") || w.starts_with("http:"))
            .count();
        let mut child = pilothouse(self.folder.path(), &words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        self.listening.clear();
        while self.listening.len() < places {
            let mut line = String::new();
            assert!(said.read_line(&mut line).unwrap() > 0, "it ended at once");
            if let Some((_, at)) = line.trim().split_once("listening at ") {
                self.listening.push(at.replace("tls://", "https://"));
            }
        }
        // Its words must go somewhere for as long as it lives.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        self.child = Some(child);
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn is_alive(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(".pilothouse/daemon.sock")
    }

    /// Where the clients of this test come in.
    pub fn address(&self) -> Address {
        let at = match self.way {
            Way::Socket => &self.listening[0],
            Way::Tls => &self.listening[1],
        };
        at.parse().unwrap()
    }

    pub fn attach(&self, session: &str) -> Attached {
        let token = self.token.clone().filter(|_| self.way == Way::Tls);
        self.attach_as(session, token.map(Secret::new))
    }

    /// As whoever the token belongs to.
    pub fn attach_as(&self, session: &str, token: Option<Secret>) -> Attached {
        let trust = Trust {
            ca: Some(self.folder.path().join("server-ca.pem")),
            own: None,
        };
        let tls = (self.way == Way::Tls).then(|| TlsClient::new(&trust).unwrap());
        Attached {
            client: HttpClient::attach(Access {
                address: self.address(),
                tls,
                session: session.into(),
                token,
            }),
            view: FleetView::default(),
            company: None,
            lost: 0,
        }
    }

    /// A connection on which one may say anything.
    fn raw(&self) -> Box<dyn ReadWrite> {
        match self.address() {
            Address::Unix(path) => Box::new(UnixStream::connect(path).unwrap()),
            Address::Tls(place) | Address::Plain(place) => Box::new(Authority::stream(
                self.folder.path(),
                place.host(),
                place.port(),
            )),
        }
    }

    /// A request as it is written; the status and the body of the answer.
    pub fn request(&self, text: &str) -> (u16, String) {
        request(&self.socket(), text)
    }
}

pub trait ReadWrite: std::io::Read + std::io::Write {}
impl<T: std::io::Read + std::io::Write> ReadWrite for T {}

fn request(socket: &Path, text: &str) -> (u16, String) {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).map(|s| s.parse().unwrap());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.unwrap_or(0), body.to_owned())
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

/// Somebody who watches and acts.
pub struct Attached {
    client: HttpClient,
    pub view: FleetView,
    pub company: Option<Company>,
    lost: usize,
}

impl Attached {
    /// The next thing it is told; an answer is given back.
    async fn next(&mut self) -> Option<(String, Answer)> {
        let told = soon("a word of the daemon", self.client.next()).await;
        let message = match told.expect("a client looks for its daemon for ever") {
            Told::Message(message) => *message,
            Told::Refused(why) => panic!("{why}"),
            Told::Lost(_) => {
                self.lost += 1;
                return None;
            }
        };
        match message {
            ServerMessage::Answer { key, answer } => return Some((key, answer)),
            ServerMessage::Stream(Stream::Snapshot { view, .. }) => self.view = *view,
            ServerMessage::Stream(Stream::Delta { delta, .. }) => {
                fold(&mut self.view, *delta).unwrap();
            }
            ServerMessage::Company(company) => self.company = Some(company),
            ServerMessage::Stream(Stream::Heartbeat { .. }) | ServerMessage::Sight(_) => {}
        }
        None
    }

    pub async fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let wait = async {
            while !holds(self) {
                self.next().await;
            }
        };
        let come = tokio::time::timeout(DEADLINE, wait).await;
        assert!(come.is_ok(), "never came: {what}");
    }

    pub fn send(&mut self, key: &str, verb: Verb) {
        self.client.send(CommandEnvelope {
            key: key.into(),
            // Whatever a client writes here, the server knows better.
            actor: Actor::person("somebody else"),
            scope: Scope::Fleet,
            verb,
            seen: None,
            confirm: None,
            reason: "a test".into(),
        });
    }

    pub async fn answer(&mut self, key: &str) -> Answer {
        loop {
            if let Some((answered, answer)) = self.next().await
                && answered == key
            {
                return answer;
            }
        }
    }

    /// How often the way to the daemon was cut.
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// How often the feed tells this of the fleet.
    fn told(&self, text: &str) -> usize {
        let told = self.view.events.iter().filter(|e| e.text.contains(text));
        told.count()
    }
}

fn others(attached: &Attached) -> Vec<&str> {
    let company = attached.company.as_ref();
    let others = company.map_or(&[][..], |c| &c.others);
    others.iter().map(|o| o.place.as_str()).collect()
}

async fn one_acts_and_the_other_sees(way: Way) {
    let daemon = Daemon::start_for(way).await;
    let (mut one, mut other) = (daemon.attach("one"), daemon.attach("other"));
    one.client.here("shard of s01");
    other
        .until("where one looks", |o| others(o) == ["shard of s01"])
        .await;
    one.send("a", Verb::Hold);
    assert!(matches!(one.answer("a").await, Answer::Accepted { .. }));
    other.until("the hold", |o| o.told("held") == 1).await;
    let event = other.view.events.iter().find(|e| e.text.contains("held"));
    let me = pilothouse::api::account::person().name;
    assert_eq!(event.unwrap().actor, me);
    // The first answer comes again, and nothing happens twice.
    one.send("a", Verb::Hold);
    assert_eq!(one.answer("a").await, Answer::Repeated);
    drop(one);
    other.until("one leaving", |o| others(o).is_empty()).await;
    assert_eq!(other.told("held"), 1);
}

#[tokio::test]
async fn what_one_does_the_other_sees_with_the_name_the_kernel_gives() {
    one_acts_and_the_other_sees(Way::Socket).await;
}

#[tokio::test]
async fn what_one_does_the_other_sees_with_the_name_of_their_token_over_tls() {
    one_acts_and_the_other_sees(Way::Tls).await;
}

async fn killed_and_found_again(way: Way) {
    let mut daemon = Daemon::start_for(way).await;
    let mut one = daemon.attach("one");
    one.until("a view", |o| !o.view.shards.is_empty()).await;
    daemon.kill();
    one.until("the loss", |o| o.lost > 0).await;
    // Given while nobody is there: it is delivered when somebody is.
    one.send("held", Verb::Hold);
    daemon.serve(&[]);
    assert!(matches!(one.answer("held").await, Answer::Accepted { .. }));
    one.until("the hold", |o| o.told("held") > 0).await;
    assert_eq!(one.told("held"), 1);
    one.send("held", Verb::Hold);
    assert_eq!(one.answer("held").await, Answer::Repeated);
}

#[tokio::test]
async fn a_daemon_that_is_killed_is_found_again_and_takes_each_act_once() {
    killed_and_found_again(Way::Socket).await;
}

#[tokio::test]
async fn a_daemon_that_is_killed_is_found_again_and_takes_each_act_once_over_tls() {
    killed_and_found_again(Way::Tls).await;
}

async fn fifty_watch_and_one_is_deaf(way: Way) {
    let daemon = Daemon::start_for(way).await;
    let mut deaf = daemon.raw();
    let token = daemon.token.clone().unwrap_or_default();
    let who = match way {
        Way::Socket => "host: pilothouse\r\n".to_owned(),
        Way::Tls => format!("host: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"),
    };
    let text = format!("GET /v1/events HTTP/1.1\r\n{who}\r\n");
    deaf.write_all(text.as_bytes()).unwrap();
    let mut many: Vec<Attached> = (0..50).map(|n| daemon.attach(&n.to_string())).collect();
    many[0].send("a", Verb::Hold);
    assert!(matches!(many[0].answer("a").await, Answer::Accepted { .. }));
    for (place, one) in many.iter_mut().enumerate() {
        one.until("the hold", |o| o.told("held") == 1).await;
        one.until("the others", |o| others(o).len() >= 50).await;
        assert_eq!(one.lost, 0, "{place}");
    }
}

#[tokio::test]
async fn fifty_watch_and_one_that_does_not_read_holds_nobody_up() {
    fifty_watch_and_one_is_deaf(Way::Socket).await;
}

#[tokio::test]
async fn fifty_watch_and_one_that_does_not_read_holds_nobody_up_over_tls() {
    fifty_watch_and_one_is_deaf(Way::Tls).await;
}

#[tokio::test]
async fn what_is_not_ours_is_refused_before_the_engine_hears_of_it() {
    let daemon = Daemon::start().await;
    let mode = std::fs::metadata(daemon.socket())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let get = |path: &str, header: &str| {
        let text =
            format!("GET {path} HTTP/1.1\r\nhost: pilothouse\r\nconnection: close\r\n{header}\r\n");
        daemon.request(&text)
    };
    assert_eq!(get("/healthz", ""), (200, "ok\n".into()));
    assert_eq!(get("/v1/me", "").0, 200);
    assert_eq!(get("/v1/me", "origin: http://evil.example\r\n").0, 403);
    assert_eq!(get("/v1/nothing", "").0, 404);
    assert_eq!(get("/v1/commands", "").0, 405);
    let say = |body: &str, kind: &str, length: usize| {
        daemon.request(&format!(
            "POST /v1/commands HTTP/1.1\r\nhost: pilothouse\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    };
    let post = |body: &str, kind: &str| say(body, kind, body.len());
    let hold = r#"{"key":"k","scope":"fleet","verb":"hold"}"#;
    assert_eq!(post(hold, "text/plain").0, 415);
    assert_eq!(post("{", "application/json").0, 400);
    let more = r#"{"key":"k","scope":"fleet","verb":"hold","actor":"root"}"#;
    assert_eq!(post(more, "application/json").0, 422);
    let long = hold.replace("\"k\"", &format!("\"{}\"", "k".repeat(5_000)));
    assert_eq!(post(&long, "application/json").0, 400);
    // What is too much is not even waited for.
    assert_eq!(say("", "application/json", 100_000).0, 413);
    let (status, body) = post(hold, "application/json");
    assert_eq!(status, 200, "{body}");
    let release = r#"{"key":"r","scope":{"ring":"canary"},"verb":"release"}"#;
    let (status, body) = post(release, "application/json");
    assert_eq!(status, 409, "{body}");
    assert!(body.contains("not held"), "{body}");
}

#[tokio::test]
async fn metrics_are_documented_and_every_line_is_one() {
    let daemon = Daemon::start().await;
    let text = "GET /metrics HTTP/1.1\r\nhost: pilothouse\r\nconnection: close\r\n\r\n";
    let (status, body) = daemon.request(text);
    assert_eq!(status, 200, "{body}");
    let documented = include_str!("../../docs/people.md");
    let mut families = 0;
    for line in body.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            families += 1;
            let (name, kind) = family.split_once(' ').unwrap();
            let short = name.replace("pilothouse_ring_shards_", "…_");
            let short = short.replace("pilothouse_shard_rows_expected", "…_rows_expected");
            assert!(
                documented.contains(&format!("`{short}`")),
                "{name} is not documented"
            );
            assert_eq!(kind == "counter", name.ends_with("_total"), "{family}");
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("pilothouse_"), "{line}");
            value.parse::<f64>().unwrap();
        }
    }
    assert!(families >= 15, "{body}");
    let shard = "pilothouse_shard_stage{ring=\"canary\",shard=\"s01\",stage=\"preflight\"";
    assert!(body.contains(shard), "{body}");
}

#[tokio::test]
async fn a_second_daemon_leaves_the_first_one_alone() {
    let daemon = Daemon::start().await;
    let second = pilothouse(daemon.folder.path(), &["serve"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(5), "{second:?}");
    let mut one = daemon.attach("one");
    one.until("a view", |o| !o.view.shards.is_empty()).await;
    assert_eq!(one.lost, 0);
}

/// A mistyped path must not cost anybody a file, nor another daemon its place.
#[tokio::test]
async fn what_lies_where_it_should_listen_is_left_alone() {
    let mut daemon = Daemon::start().await;
    let other = scratch().await;
    let there = format!("unix:{}", daemon.socket().display());
    let words = ["serve", "--migration", "change.toml", "--listen", &there];
    let taken = pilothouse(other.path(), &words).output().unwrap();
    assert_eq!(taken.status.code(), Some(1), "{taken:?}");
    assert!(String::from_utf8_lossy(&taken.stderr).contains("another daemon listens there"));
    let mut one = daemon.attach("one");
    one.until("a view", |o| !o.view.shards.is_empty()).await;
    daemon.kill();
    let file = format!("unix:{}", daemon.folder.path().join("fleet.toml").display());
    let words = ["serve", "--listen", &file];
    let refused = pilothouse(daemon.folder.path(), &words).output().unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(daemon.folder.path().join("fleet.toml").exists());
}

#[tokio::test]
async fn without_a_daemon_attach_says_so_and_how_it_is_started() {
    let folder = scratch().await;
    let attach = pilothouse(folder.path(), &["attach"]).output().unwrap();
    assert_eq!(attach.status.code(), Some(1), "{attach:?}");
    let said = String::from_utf8_lossy(&attach.stderr);
    assert!(said.contains("no daemon listens at unix:"), "{said}");
    assert!(said.contains("pilothouse serve"), "{said}");
    let serve = pilothouse(folder.path(), &["serve"]).output().unwrap();
    assert_eq!(serve.status.code(), Some(2), "{serve:?}");
    let said = String::from_utf8_lossy(&serve.stderr);
    assert!(said.contains("--migration"), "{said}");
}
