//! A shard that is gone for good does not keep the others from being cleaned.

use crate::crew::{done, refused};
use crate::documents::scratch;
use crate::orders::{pilothouse, run_to};
use crate::proof::done_alone;
use pilothouse::api::account::person;
use std::path::Path;
use std::process::Stdio;

#[tokio::test]
async fn forget_cleans_what_is_there_and_names_what_was_given_up() {
    let folder = scratch().await;
    let folder = folder.path();
    run_to(folder, "verify");
    std::fs::rename(folder.join("s02.db"), folder.join("away.db")).unwrap();
    let mut abort = pilothouse(folder, &["abort", "--confirm", "balance-cents"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Refused until the abort is under way.
    let abandon = ["abandon", "--shard", "s02", "--reason", "the disk is gone"];
    while !pilothouse(folder, &abandon)
        .output()
        .unwrap()
        .status
        .success()
    {
        if abort.try_wait().unwrap().is_some() {
            panic!("it ended without s02: {:?}", abort.wait_with_output());
        }
    }
    let abort = abort.wait_with_output().unwrap();
    assert!(abort.status.success(), "{abort:?}");
    // Back again, and still as it was left.
    std::fs::rename(folder.join("away.db"), folder.join("s02.db")).unwrap();
    // What cannot be brought back is not for everybody to remove.
    let me = person().name;
    done(folder, &["operator", "add", &me, "--role", "admin"]);
    refused(folder, &["forget"], "may not act");
    assert!(!recorded(folder, "\"forgotten\""));
    let add = [
        "operator", "add", &me, "--role", "admin", "--role", "operator",
    ];
    done(folder, &add);
    let why = ["forget", "--reason", "two weeks have passed"];
    let forget = pilothouse(folder, &why).output().unwrap();
    let said = String::from_utf8_lossy(&forget.stdout).into_owned();
    assert!(forget.status.success(), "{said}{forget:?}");
    assert!(
        said.contains("s01: nothing of pilothouse remains"),
        "{said}"
    );
    assert!(
        said.contains("s02: was given up and is left as it is"),
        "{said}"
    );
    assert!(recorded(folder, "\"forgotten\""));
    assert!(recorded(folder, "two weeks have passed"));
}

/// Whether the journal says so.
fn recorded(folder: &Path, text: &str) -> bool {
    done_alone(folder, &["journal", "export", ".pilothouse"]).contains(text)
}
