//! A panic on any thread: the terminal first, then the message.
//!
//! The program has no place that panics on demand, and gets none for a test:
//! this program starts itself in a terminal and runs the very cockpit there.

use crate::scanner::foreign;
use crate::terminal::{Pty, is_taken};
use futures_util::future::BoxFuture;
use pilothouse::api::client::Client;
use pilothouse::base::{Actor, Timestamp};
use pilothouse::cockpit::run::run;
use pilothouse::cockpit::{Exit, Options};
use pilothouse::wire::{CommandEnvelope, ServerMessage, Stream};
use portable_pty::CommandBuilder;
use std::path::PathBuf;
use std::time::Duration;

/// Who panics in the program in the terminal.
const ROLE: &str = "PILOTHOUSE_TEST_PANICS";
/// The file that says when.
const MOMENT: &str = "PILOTHOUSE_TEST_MOMENT";
const WORD: &str = "panicked on purpose";

/// An engine that says all the time that nothing is new, so that the cockpit
/// always has a frame to draw; in one role, asking it panics.
struct Chatty {
    panics: bool,
}

impl Client for Chatty {
    fn send(&mut self, _: CommandEnvelope) {}
    fn look(&mut self, _: pilothouse::wire::Look) {}
    fn ask_snapshot(&mut self) {}
    fn next(&mut self) -> BoxFuture<'_, Option<ServerMessage>> {
        if self.panics && moment().exists() {
            panic!("{WORD}");
        }
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let (seq, at) = (0, Timestamp(0));
            Some(ServerMessage::Stream(Stream::Heartbeat { seq, at }))
        })
    }
}

fn moment() -> PathBuf {
    PathBuf::from(std::env::var_os(MOMENT).unwrap())
}

/// What the program in the terminal does.
fn act(role: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match role {
        "a thread" => drop(std::thread::spawn(|| {
            while !moment().exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
            panic!("{WORD}");
        })),
        "a task" => drop(runtime.spawn(async {
            while !moment().exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("{WORD}");
        })),
        _ => {}
    }
    let client = Chatty {
        panics: role == "the cockpit",
    };
    let options = Options::from_environment(Actor::person("lee"), "test".into());
    let exit = runtime.block_on(run(Box::new(client), options)).unwrap();
    assert_eq!(exit, Exit::Panicked);
}

#[test]
fn a_panic_on_any_thread_gives_the_terminal_back_first() {
    if let Ok(role) = std::env::var(ROLE) {
        return act(&role);
    }
    for role in ["a thread", "a task", "the cockpit"] {
        let folder = tempfile::tempdir().unwrap();
        let moment = folder.path().join("now");
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        let name = "panic::a_panic_on_any_thread_gives_the_terminal_back_first";
        command.args(["--exact", name, "--nocapture", "--test-threads", "1"]);
        command.env(ROLE, role);
        command.env(MOMENT, &moment);
        let pty = Pty::spawn((80, 24), command);
        pty.wait_for("the cockpit", |screen| {
            is_taken(screen) && screen.contents().contains("CONNECTING")
        });
        std::fs::write(&moment, "").unwrap();
        let left = pty.left();
        // In two of three the cockpit itself ends as it should.
        let code = if role == "the cockpit" { 101 } else { 0 };
        assert_eq!(left.code, code, "{role}: {}", left.text);
        assert!(left.text.contains(WORD), "{role}: {}", left.text);
        assert_eq!(foreign(&left.bytes), Vec::<String>::new(), "{role}");
        // The message is on the shell's screen: it came after the way back.
        let text = String::from_utf8_lossy(&left.bytes);
        let (back, said) = (text.rfind("\u{1b}[?1049l"), text.find(WORD));
        assert!(back.unwrap() < said.unwrap(), "{role}: {text:?}");
        // And nothing was drawn over it.
        let after = &text[back.unwrap()..];
        assert!(!after.contains("\u{1b}[?25l"), "{role}: {after:?}");
    }
}
