//! What the OpenAPI document says is what is served, and the copy in the
//! documents is the newest.

use crate::daemon::Daemon;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn copy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json")
}

fn printed() -> String {
    let ended = Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .arg("api")
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
fn the_copy_in_the_documents_is_the_newest() {
    let printed = printed();
    if std::env::var_os("INSTA_UPDATE").is_some_and(|wish| wish == "always") {
        std::fs::write(copy(), &printed).unwrap();
    }
    let kept = std::fs::read_to_string(copy()).unwrap_or_default();
    assert!(
        kept == printed,
        "docs/openapi.json is old; write it anew with: pilothouse api > docs/openapi.json"
    );
}

/// Everything that refers to something refers to what is there.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(to)) = object.get("$ref") {
                found.push(to);
            }
            object.values().for_each(|v| references(v, found));
        }
        Value::Array(all) => all.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[test]
fn every_shape_is_there_and_every_shape_is_used() {
    let document: Value = serde_json::from_str(&printed()).unwrap();
    let mut used = Vec::new();
    references(&document, &mut used);
    let shapes = document["components"]["schemas"].as_object().unwrap();
    for to in &used {
        let name = to.strip_prefix("#/components/schemas/").unwrap();
        assert!(shapes.contains_key(name), "{to}");
    }
    for name in shapes.keys() {
        let to = format!("#/components/schemas/{name}");
        assert!(used.contains(&to.as_str()), "{name} is not used");
    }
    assert!(shapes.len() > 50 && used.len() > 150, "{}", used.len());
}

#[tokio::test]
async fn every_route_in_the_document_is_served_and_gives_what_it_says() {
    let daemon = Daemon::start().await;
    let document: Value = serde_json::from_str(&printed()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let ask = |method: &str, path: &str, body: &str| {
        let length = body.len();
        daemon.request(&format!(
            "{method} {path} HTTP/1.1\r\nhost: pilothouse\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    };
    let mut count = 0;
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            count += 1;
            // A stream has no end to wait for: another test reads it.
            if path == "/v1/events" {
                continue;
            }
            let (status, body) = ask(&method.to_uppercase(), path, "{}");
            let known = operation["responses"].get(status.to_string());
            assert!(known.is_some(), "{method} {path}: {status} {body}");
            assert!(![404, 405].contains(&status), "{method} {path}: {status}");
            let (status, body) = ask("DELETE", path, "");
            assert_eq!(status, 405, "{path}");
            assert!(body.contains("unknown_method"), "{path}: {body}");
        }
    }
    assert_eq!(count, 10);
    let (status, body) = ask("GET", "/v1/openapi.json", "");
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), document);
    let (status, body) = ask("GET", "/v1/nothing", "");
    assert_eq!(status, 404);
    assert!(body.contains("unknown_path"), "{body}");
}
