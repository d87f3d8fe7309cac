//! How long to wait before the next try.

use std::time::Duration;

/// The first wait is at most this long.
const FIRST: Duration = Duration::from_millis(200);
/// And every later one at most this long.
const LONGEST: Duration = Duration::from_secs(10);

/// Waits that double, each cut at random between nothing and all of it ("full
/// jitter"): fifty cockpits do not come back in the same moment.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// It worked.
    pub(super) fn reset(&mut self) {
        self.tries = 0;
    }

    /// The next wait.
    pub(super) fn next(&mut self) -> Duration {
        let most = most(self.tries);
        self.tries = self.tries.saturating_add(1);
        most.mul_f64(share(chance()))
    }
}

fn most(tries: u32) -> Duration {
    let factor = 1_u32.checked_shl(tries).unwrap_or(u32::MAX);
    FIRST.saturating_mul(factor).min(LONGEST)
}

/// From nothing to all.
fn share(chance: u16) -> f64 {
    f64::from(chance) / f64::from(u16::MAX)
}

fn chance() -> u16 {
    let mut bytes = [0; 2];
    // Without chance: the whole wait.
    match rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty()) {
        Ok(2) => u16::from_le_bytes(bytes),
        _ => u16::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_longest_and_begin_anew() {
        let waits: Vec<u128> = (0..8).map(|tries| most(tries).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert_eq!(most(u32::MAX), LONGEST);
        assert!(share(0) == 0.0 && share(u16::MAX) == 1.0);
        let mut backoff = Backoff { tries: 7 };
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
