//! What every test on real servers needs.

use pilothouse::lab::{Binaries, Lab, LabSpec};
use std::sync::atomic::{AtomicU32, Ordering};

static SKIPPED: AtomicU32 = AtomicU32::new(0);

/// Whether real servers can be started. A test that returns because of
/// `false` says so and is counted, so that nobody takes it for a pass.
/// `PILOTHOUSE_REQUIRE_PG` set to anything makes a skip a failure.
pub fn require_postgres() -> bool {
    match Binaries::locate() {
        Ok(_) => true,
        Err(err) => {
            let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
            eprintln!("SKIPPED: PostgreSQL server binaries not found ({count} so far): {err}");
            assert!(
                std::env::var_os("PILOTHOUSE_REQUIRE_PG").is_none(),
                "PostgreSQL is required here"
            );
            false
        }
    }
}

/// Raises a small lab of this process.
pub async fn lab(shards: u32, standbys: u32) -> Lab {
    let spec = LabSpec::scratch().shards(shards).standbys(standbys);
    Lab::start(spec).await.unwrap()
}
