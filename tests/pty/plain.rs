//! The cockpit in lines, as a dumb terminal and as a pipe have it.

use crate::terminal::Pty;
use portable_pty::CommandBuilder;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

const DEMO: [&str; 6] = ["demo", "--plain", "--rows", "20000", "--rate", "80"];

#[test]
fn a_dumb_terminal_gets_lines_and_gives_commands() {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pilothouse"));
    command.args(DEMO);
    let mut pty = Pty::spawn((160, 200), command);
    pty.wait_text("Type help for every command");
    pty.wait_text("backfill begins on s01, by engine");
    assert!(pty.is_given_back(), "it is not a screen");
    pty.press("help\n");
    pty.wait_text("Leave at once; committed work stays.");
    let mut act = |typed: &str, question: &str, answer: &str| {
        pty.press(typed);
        pty.wait_text(question);
        pty.press_until("y\n", answer, |screen| screen.contents().contains(answer));
    };
    act(
        ":pause s01\n",
        "Pause shard s01? y/N",
        "pause shard s01: accepted",
    );
    act(
        "hold canary\n",
        "Hold ring canary? y/N",
        "hold ring canary: accepted",
    );
    pty.press("abort\n");
    pty.wait_text("to confirm; anything else cancels.");
    pty.press_until("\n", "a No", |screen| {
        screen
            .contents()
            .contains("abort: cancelled, nothing was sent")
    });
    pty.press("quit\n");
    let left = pty.left();
    assert_eq!((left.code, left.behind), (0, Vec::new()), "{}", left.text);
    assert!(left.text.contains("every promise held"), "{}", left.text);
    assert!(!left.bytes.contains(&0x1b));
}

#[test]
fn a_pipe_is_answered_in_lines_and_its_end_leaves() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .args(DEMO)
        .env("TMPDIR", temporary.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    // Written before there is anything to see: it waits for that.
    input.write_all(b"hold canary\n").unwrap();
    let mut lines = Vec::new();
    let mut until = |texts: &[&str]| {
        let mut line = String::new();
        while !texts.iter().any(|text| line.contains(text)) {
            line.clear();
            let read = output.read_line(&mut line).unwrap();
            assert!(read > 0, "no {texts:?}: {lines:#?}");
            lines.push(line.clone());
        }
        line
    };
    until(&["Fleet demo, environment demo."]);
    until(&["Hold ring canary? y/N"]);
    // What comes sooner than the question can be read is no answer.
    loop {
        input.write_all(b"yes\n").unwrap();
        if until(&["it still stands", "canary: sent"]).contains("canary: sent") {
            break;
        }
    }
    until(&["hold ring canary: accepted"]);
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("every promise held"), "{rest}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let all = lines.concat() + &rest;
    assert!(!all.chars().any(|c| c.is_control() && c != '\n'), "{all:?}");
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
