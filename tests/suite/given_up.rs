//! A shard that is gone for good does not keep the others from being cleaned.

use crate::documents::scratch;
use crate::orders::{pilothouse, run_to};
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
    let forget = pilothouse(folder, &["forget"]).output().unwrap();
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
}
