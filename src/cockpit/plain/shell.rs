//! The shell around the conversation: clock, lines in, lines out, signals.

use super::talk::Talk;
use crate::api::client::Client;
use crate::base::Timestamp;
use crate::cockpit::model::Options;
use crate::cockpit::msg::{Effect, Msg};
use crate::cockpit::run::{Exit, RunError, Signals, TICK, now};
use std::io::{self, BufRead as _, Write as _};
use tokio::sync::mpsc;

/// Most lines that wait to be taken.
const INPUT_MAX: usize = 64;

/// Runs a cockpit in lines until it is left, or nothing comes in any more.
///
/// # Errors
/// When signals cannot be listened to, or nothing can be written.
pub async fn run(mut client: Box<dyn Client>, options: Options) -> Result<Exit, RunError> {
    let mut signals = Signals::listen()?;
    let mut input = listen();
    let mut talk = Talk::new(options, now());
    loop {
        write(&talk.take_lines())?;
        let (begun, gone) = (talk.has_begun(), talk.model().gone);
        let mut exit = Exit::Left;
        let woken = tokio::select! {
            biased;
            () = signals.any() => {
                exit = Exit::Terminated;
                Woken::Heard(Msg::Terminate)
            }
            // What was typed before there was anything to see waits for it.
            line = input.recv(), if begun => match line {
                Some((text, at)) => Woken::Typed(text, at),
                None => Woken::Heard(Msg::Terminate),
            },
            told = client.next(), if !gone => Woken::Heard(Msg::told(told, now())),
            () = tokio::time::sleep(TICK) => Woken::Heard(Msg::Tick(now())),
        };
        let mut effects = talk.hear(Msg::Tick(now()));
        effects.extend(match woken {
            Woken::Heard(msg) => talk.hear(msg),
            Woken::Typed(text, at) => talk.line(&text, at),
        });
        for effect in effects {
            match effect {
                Effect::Send(approved) => client.send(approved.into_inner()),
                Effect::Look(look) => client.look(look),
                Effect::AskSnapshot => client.ask_snapshot(),
                // There is no terminal to drive here, only lines; talk.rs says so.
                Effect::Copy(_) | Effect::Call(_) | Effect::Mouse(_) => {}
                Effect::Suspend => suspend()?,
                Effect::Quit => {
                    write(&talk.take_lines())?;
                    return Ok(exit);
                }
            }
        }
    }
}

enum Woken {
    Heard(Msg),
    Typed(String, Timestamp),
}

/// Reads lines on a thread of its own: nobody has to wait at the end for one
/// that does not come.
fn listen() -> mpsc::Receiver<(String, Timestamp)> {
    let (sender, lines) = mpsc::channel(INPUT_MAX);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            if sender.blocking_send((text, now())).is_err() {
                return;
            }
            line.clear();
        }
    });
    lines
}

fn write(lines: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

fn suspend() -> io::Result<()> {
    let own = rustix::process::getpid();
    Ok(rustix::process::kill_process(
        own,
        rustix::process::Signal::STOP,
    )?)
}
