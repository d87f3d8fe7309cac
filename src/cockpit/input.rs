//! Reads the terminal in a thread of its own.
//!
//! crossterm reads without an end once the other side of the terminal is gone:
//! on a worker of the runtime, the engine in the same process would stand
//! still with it. Here it is asked only for what is there, and nobody waits
//! for this thread.

use super::run::now;
use crate::base::Timestamp;
use ratatui::crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;
use tokio::sync::mpsc;

/// Most events that wait to be folded.
const INPUT_MAX: usize = 256;

/// How often the thread looks whether anybody still listens.
const LISTENS: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// An event and when it was read; an error is the last one.
pub(super) type Read = (io::Result<Event>, Timestamp);

/// Starts to read. Dropping the receiver ends it: what is typed from then on is
/// left to the shell.
pub(super) fn listen() -> io::Result<mpsc::Receiver<Read>> {
    let (sender, events) = mpsc::channel(INPUT_MAX);
    let terminal = Terminal::open()?;
    std::thread::Builder::new()
        .name("terminal".into())
        .spawn(move || {
            if let Err(error) = read(&terminal, &sender) {
                // Nobody may listen any more.
                let _ = sender.blocking_send((Err(error), now()));
            }
        })?;
    Ok(events)
}

/// The same file that crossterm reads.
enum Terminal {
    Stdin(io::Stdin),
    Controlling(File),
}

impl Terminal {
    fn open() -> io::Result<Self> {
        let stdin = io::stdin();
        match stdin.is_terminal() {
            true => Ok(Self::Stdin(stdin)),
            false => Ok(Self::Controlling(File::open("/dev/tty")?)),
        }
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Stdin(stdin) => stdin.as_fd(),
            Self::Controlling(file) => file.as_fd(),
        }
    }
}

fn read(terminal: &Terminal, sender: &mpsc::Sender<Read>) -> io::Result<()> {
    while !sender.is_closed() {
        let mut wanted = [PollFd::new(terminal, PollFlags::IN)];
        match poll(&mut wanted, Some(&LISTENS)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        if wanted[0].revents().intersects(gone) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while !sender.is_closed() && event::poll(Duration::ZERO)? {
            let read = (event::read(), now());
            if sender.blocking_send(read).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
