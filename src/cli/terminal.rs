//! What a command hears from whoever started it, and says to them.

use crate::base::Untrusted;
use std::fmt::Display;
use std::io::Write as _;
use tokio::signal::unix::{SignalKind, signal};

/// Says a line on stderr, whose pieces may come from a database or a file: it
/// is a terminal more often than not. A reader that has gone away has heard enough: no
/// engine ends because nobody reads its events any more.
pub(super) fn say(line: impl Display) {
    let line = Untrusted::new(line.to_string());
    let _ = writeln!(std::io::stderr().lock(), "{}", line.in_full());
}

/// Waits for whatever asks a program to end. The cockpit hears it by itself.
pub(super) async fn told_to_end() {
    let listen = |kind| signal(kind).ok();
    let (Some(mut terminate), Some(mut interrupt), Some(mut hang_up)) = (
        listen(SignalKind::terminate()),
        listen(SignalKind::interrupt()),
        listen(SignalKind::hangup()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hang_up.recv() => {}
    }
}
