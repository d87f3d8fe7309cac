//! A panic on any thread: the terminal first, then the message.
//!
//! The program has no place that panics on demand, and gets none for a test:
//! this program starts itself in a terminal and runs the very cockpit there.

use crate::scanner::foreign;
use crate::terminal::{Pty, is_taken};
use futures_util::future::BoxFuture;
use pilothouse::api::client::{Client, Told};
use pilothouse::base::{Actor, Timestamp};
use pilothouse::cockpit::run::run;
use pilothouse::cockpit::{Exit, Options};
use pilothouse::wire::{CommandEnvelope, ServerMessage, Stream};
use portable_pty::CommandBuilder;
use std::io::Read as _;
use std::os::unix::net::UnixListener;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

/// Who panics in the program in the terminal.
const ROLE: &str = "PILOTHOUSE_TEST_PANICS";
/// The socket that says when: its other end closes.
const MOMENT: &str = "PILOTHOUSE_TEST_MOMENT";
const WORD: &str = "panicked on purpose";

/// An engine that says all the time that nothing is new, so that the cockpit
/// always has a frame to draw; in one role, listening to it panics.
struct Chatty {
    /// How often it says so.
    beat: tokio::time::Interval,
    moment: Option<UnixStream>,
}

impl Client for Chatty {
    fn send(&mut self, _: CommandEnvelope) {}
    fn look(&mut self, _: pilothouse::wire::Look) {}
    fn ask_snapshot(&mut self) {}
    fn here(&mut self, _: &str) {}
    fn next(&mut self) -> BoxFuture<'_, Option<Told>> {
        Box::pin(async {
            tokio::select! {
                biased;
                () = moment(&mut self.moment) => panic!("{WORD}"),
                _ = self.beat.tick() => {}
            }
            let (seq, at) = (0, Timestamp(0));
            let beat = ServerMessage::Stream(Stream::Heartbeat { seq, at });
            Some(Told::Message(Box::new(beat)))
        })
    }
}

/// Comes when the other end closes; never without one.
async fn moment(end: &mut Option<UnixStream>) {
    match end {
        Some(end) => assert_eq!(end.read(&mut [0]).await.unwrap(), 0),
        None => std::future::pending().await,
    }
}

/// What the program in the terminal does.
fn act(role: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let path = std::env::var_os(MOMENT).unwrap();
    let mut end = std::os::unix::net::UnixStream::connect(path).unwrap();
    let mut at_cockpit = None;
    match role {
        "a thread" => drop(std::thread::spawn(move || {
            assert_eq!(end.read(&mut [0]).unwrap(), 0);
            panic!("{WORD}");
        })),
        _ => {
            end.set_nonblocking(true).unwrap();
            let _inside = runtime.enter();
            at_cockpit = Some(UnixStream::from_std(end).unwrap());
        }
    }
    if role == "a task" {
        let mut end = at_cockpit.take();
        runtime.spawn(async move {
            moment(&mut end).await;
            panic!("{WORD}");
        });
    }
    let options = Options::from_environment(Actor::person("lee"), "test".into());
    let exit = runtime.block_on(async {
        let client = Chatty {
            beat: tokio::time::interval(Duration::from_millis(1)),
            moment: at_cockpit,
        };
        run(Box::new(client), options, None).await
    });
    assert_eq!(exit.unwrap(), Exit::Panicked);
}

#[test]
fn a_panic_on_any_thread_gives_the_terminal_back_first() {
    if let Ok(role) = std::env::var(ROLE) {
        return act(&role);
    }
    for role in ["a thread", "a task", "the cockpit"] {
        let folder = tempfile::tempdir().unwrap();
        let moment = folder.path().join("now");
        let listener = UnixListener::bind(&moment).unwrap();
        let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
        let name = "panic::a_panic_on_any_thread_gives_the_terminal_back_first";
        command.args(["--exact", name, "--nocapture", "--test-threads", "1"]);
        command.env(ROLE, role);
        command.env(MOMENT, &moment);
        let pty = Pty::spawn((80, 24), command);
        pty.wait_for("the cockpit", |screen| {
            is_taken(screen) && screen.contents().contains("CONNECTING")
        });
        let (end, _) = listener.accept().unwrap();
        drop(end);
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
