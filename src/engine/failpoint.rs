//! Places where a test lets the engine die.
//!
//! Only with the `broken` feature; the shipped program has none of it.
//! `PILOTHOUSE_DIE_AT=N` kills this process (SIGKILL, nothing is cleaned up)
//! at the Nth point it passes. `PILOTHOUSE_POINTS=FILE` appends every name.

/// Passes a named point.
#[cfg(not(feature = "broken"))]
pub fn pass(_name: &str) {}

/// Passes a named point.
#[cfg(feature = "broken")]
pub fn pass(name: &str) {
    use std::io::Write as _;
    use std::sync::atomic::{AtomicU64, Ordering};
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let count = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if let Some(path) = std::env::var_os("PILOTHOUSE_POINTS")
        && let Ok(mut file) = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
    {
        // A point that cannot be noted is not worth stopping a drill for.
        let _ = writeln!(file, "{name}");
    }
    let wanted = std::env::var("PILOTHOUSE_DIE_AT")
        .ok()
        .and_then(|n| n.parse::<u64>().ok());
    if wanted == Some(count) {
        let me = rustix::process::getpid();
        let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
    }
}
