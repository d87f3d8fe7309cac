//! How long to wait before the next try.

use std::time::Duration;

/// Waits that double, each cut at random between nothing and all of it ("full
/// jitter"): fifty cockpits do not come back in the same moment. Chance comes
/// in from outside.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    tries: u32,
}

impl Backoff {
    /// The first wait is at most `first`; later ones double up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            tries: 0,
        }
    }

    /// It worked.
    pub fn reset(&mut self) {
        self.tries = 0;
    }

    /// The next wait; `chance` chooses it, `u16::MAX` the whole of it.
    pub fn next(&mut self, chance: u16) -> Duration {
        let most = self.most();
        self.tries = self.tries.saturating_add(1);
        most.mul_f64(f64::from(chance) / f64::from(u16::MAX))
    }

    fn most(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.tries).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_the_longest_and_begin_anew() {
        let (first, longest) = (Duration::from_millis(200), Duration::from_secs(10));
        let mut backoff = Backoff::new(first, longest);
        let waits: Vec<u128> = (0..8).map(|_| backoff.next(u16::MAX).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        backoff.tries = u32::MAX;
        assert_eq!(backoff.next(u16::MAX), longest);
        backoff.reset();
        assert_eq!(backoff.next(0), Duration::ZERO);
        assert!(backoff.next(u16::MAX) > first);
    }
}
