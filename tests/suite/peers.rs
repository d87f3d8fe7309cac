//! Programs of others that talk to a daemon: one that tries everything its
//! OpenAPI document allows and forbids, and Prometheus.
//!
//! `tests/run` gets them and says where they are. Where it could not, these
//! tests are skipped and counted.

use crate::certificates::free_port;
use crate::daemon::Daemon;
use crate::documents::scratch;
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whatever is waited for has happened by then.
const DEADLINE: Duration = Duration::from_secs(60);

/// A program that `tests/run` found; otherwise the test is skipped, aloud.
fn found(variable: &str, program: &str) -> Option<String> {
    let path = std::env::var(variable).ok();
    if path.is_none() {
        println!("SKIPPED: {program} is not there ({variable})");
    }
    path
}

/// A daemon on loopback, and the token of somebody who may do everything.
async fn daemon() -> (Daemon, String, String) {
    let mut daemon = Daemon::in_folder(scratch().await);
    let token = daemon.enrol_myself();
    daemon.serve(&[
        "--migration",
        "change.toml",
        "--listen",
        "http://127.0.0.1:0",
    ]);
    let url = daemon.listening[1].clone();
    (daemon, url, token)
}

#[tokio::test]
async fn no_request_that_its_document_allows_or_forbids_breaks_it() {
    let Some(program) = found("PILOTHOUSE_SCHEMATHESIS", "schemathesis") else {
        return;
    };
    let (mut daemon, url, token) = daemon().await;
    let document = daemon.folder.path().join("openapi.json");
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json"),
        &document,
    )
    .unwrap();
    let examples = std::env::var("PILOTHOUSE_FUZZ_EXAMPLES").unwrap_or_else(|_| "60".into());
    let ended = Command::new(program)
        .arg("run")
        .arg(&document)
        .args(["--url", &url, "--seed", "1", "--max-examples", &examples])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        // A stream without an end; other tests read it.
        .args(["--exclude-path", "/v1/events"])
        .args(["--phases", "examples,coverage,fuzzing"])
        // Every check but one: it takes `1.0` for a whole number, and we do not.
        .args([
            "--checks",
            "all",
            "--exclude-checks",
            "positive_data_acceptance",
        ])
        .args(["--rate-limit", "80/s"])
        .args(["--request-timeout", "20", "--no-color"])
        .current_dir(daemon.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    // It lived through it, and works.
    assert!(daemon.is_alive());
    let me = "GET /v1/view HTTP/1.1\r\nhost: pilothouse\r\nconnection: close\r\n\r\n";
    assert_eq!(daemon.request(me).0, 200);
}

#[tokio::test]
async fn prometheus_finds_nothing_to_say_against_the_metrics() {
    let Some(program) = found("PILOTHOUSE_PROMTOOL", "promtool") else {
        return;
    };
    let daemon = Daemon::start().await;
    let mut one = daemon.attach("one");
    one.until("figures of each shard", |o| !o.view.shards.is_empty())
        .await;
    let text = "GET /metrics HTTP/1.1\r\nhost: pilothouse\r\nconnection: close\r\n\r\n";
    let (status, body) = daemon.request(text);
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("pilothouse_shard_stage"), "{body}");
    let mut promtool = Command::new(program)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut into = promtool.stdin.take().unwrap();
    into.write_all(body.as_bytes()).unwrap();
    drop(into);
    let ended = promtool.wait_with_output().unwrap();
    // A warning is said, and is exit code 3 besides.
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!((ended.stdout, ended.stderr), (Vec::new(), Vec::new()));
}

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_real_prometheus_scrapes_it_with_a_token() {
    let Some(program) = found("PILOTHOUSE_PROMETHEUS", "prometheus") else {
        return;
    };
    let (daemon, url, token) = daemon().await;
    let folder = daemon.folder.path();
    let path = folder.join("prometheus.token");
    std::fs::write(&path, token).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let target = url.strip_prefix("http://").unwrap();
    let config = format!(
        "scrape_configs:\n- job_name: pilothouse\n  scrape_interval: 1s\n  authorization:\n    credentials_file: prometheus.token\n  static_configs:\n  - targets: ['{target}']\n"
    );
    std::fs::write(folder.join("prometheus.yml"), config).unwrap();
    let port = free_port();
    let listen = format!("--web.listen-address=127.0.0.1:{port}");
    let prometheus = Command::new(program)
        .args([
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=prometheus",
            &listen,
        ])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _running = Running(prometheus);
    let begun = Instant::now();
    let target = loop {
        let targets = asked(port, "/api/v1/targets");
        let target = targets["data"]["activeTargets"][0].clone();
        let health = target["health"].as_str().unwrap_or_default();
        if ["up", "down"].contains(&health) {
            break target;
        }
        assert!(begun.elapsed() < DEADLINE, "{targets}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(
        (&target["health"], &target["lastError"]),
        (&"up".into(), &"".into())
    );
    // What it has read is there to be asked for.
    let query = "/api/v1/query?query=pilothouse_ring_shards";
    loop {
        let answer = asked(port, query);
        let rings = answer["data"]["result"].as_array().map_or(0, Vec::len);
        if rings == 2 {
            break;
        }
        assert!(begun.elapsed() < DEADLINE, "{answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What Prometheus answers; nothing while it does not.
fn asked(port: u16, path: &str) -> Value {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return Value::Null;
    };
    let text = format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n");
    let mut answer = String::new();
    let read = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.read_to_string(&mut answer));
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    match (read, body) {
        (Ok(_), Some(body)) => serde_json::from_str(body).unwrap_or_default(),
        _ => Value::Null,
    }
}
