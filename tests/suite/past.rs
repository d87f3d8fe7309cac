//! `history` says which shards it could not read, and which keep none.

use std::process::Command;

#[test]
fn a_shard_that_cannot_be_read_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let fleet = scratch.path().join("fleet.toml");
    let text = "name = \"f\"\nstore = \"store\"\n[environment]\nname = \"t\"\nproduction = false\n[[ring]]\nname = \"all\"\n\
        [[shard]]\nname = \"s01\"\nring = \"all\"\ncandidates = [\"postgres://app@127.0.0.1:1/s01\"]\n\
        [[shard]]\nname = \"s02\"\nring = \"all\"\ncandidates = [\"sqlite:s02.db\"]\n";
    std::fs::write(&fleet, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
    let output = command.args(["history", "--fleet"]).arg(&fleet).output();
    let output = output.unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("s01: could not be read"), "{said}");
    assert!(said.contains("SQLite keeps no history: s02"), "{said}");
    // Nothing was opened or made on the way.
    assert!(!scratch.path().join("s02.db").exists() && !scratch.path().join("store").exists());
}
