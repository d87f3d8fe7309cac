//! Starts servers so that they end when their keeper is killed.
//!
//! Linux can signal a child when its parent ends, but "parent" there is the
//! *thread* that started it. So one thread per lab starts all servers and
//! lives until the lab ends. The request itself is made by `setpriv` (in
//! Debian's essential `util-linux`); without it servers are started plainly.

use super::binaries;
use super::{Account, LabError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// A handle of the starting thread, which ends with it.
pub(super) struct Spawner {
    orders: Mutex<mpsc::Sender<Order>>,
    binder: Option<PathBuf>,
}

impl Spawner {
    pub(super) fn new() -> Result<Self, LabError> {
        let (orders, inbox) = mpsc::channel::<Order>();
        thread::Builder::new()
            .name("lab-spawner".into())
            .spawn(move || {
                for (mut command, answer) in inbox {
                    // The asker may have gone; then the child must not live.
                    if let Err(mpsc::SendError(Ok(mut child))) = answer.send(command.spawn()) {
                        let _ = child.kill();
                        let _ = child.wait();
                    }
                }
            })
            .map_err(LabError::io("start a thread for", Path::new("servers")))?;
        Ok(Self {
            orders: Mutex::new(orders),
            binder: find_binder(),
        })
    }

    /// A command for `program` that ends with this lab.
    pub(super) fn command(&self, program: &Path, account: &Account, home: &Path) -> Command {
        let Some(binder) = &self.binder else {
            return binaries::prepare(program, account, home);
        };
        let mut command = binaries::prepare(binder, account, home);
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    }

    /// Starts it on the lab's thread.
    pub(super) fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = || io::Error::other("the starting thread has ended");
        let (answer, outcome) = mpsc::channel();
        let orders = self.orders.lock().map_err(|_| gone())?;
        orders.send((command, answer)).map_err(|_| gone())?;
        drop(orders);
        outcome.recv().map_err(|_| gone())?
    }
}

/// `setpriv`, if it is there and knows the request.
fn find_binder() -> Option<PathBuf> {
    let path = PathBuf::from("/usr/bin/setpriv");
    let tried = Command::new(&path)
        .args(["--pdeathsig", "KILL", "--", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success()).then_some(path)
}
