//! While a daemon wants to be left alone.

use super::request::RequestError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Until when; shared by every request of one client.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest(Arc<Mutex<Option<Instant>>>);

impl Rest {
    /// A daemon that says how long is believed.
    pub(super) fn note(&self, error: &RequestError) {
        if let RequestError::TooOften { wait, .. } = error {
            let until = Instant::now() + *wait;
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *held = (*held).max(Some(until));
        }
    }

    /// For how long still.
    pub(super) fn left(&self) -> Duration {
        let held = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.map_or(Duration::ZERO, |until| {
            until.saturating_duration_since(Instant::now())
        })
    }

    /// Asks, but not while the daemon rests: what is asked for must be
    /// something that is asked for again.
    pub(super) async fn unless<T, F>(&self, ask: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, RequestError>>,
    {
        if !self.left().is_zero() {
            return None;
        }
        match ask().await {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.note(&error);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_asked_while_they_rest() {
        let often = |wait| RequestError::TooOften {
            wait,
            text: String::new(),
        };
        let rest = Rest::default();
        let none: Option<()> = rest.unless(|| async { Err(often(Duration::ZERO)) }).await;
        assert_eq!(none, None);
        assert_eq!(rest.unless(|| async { Ok(7) }).await, Some(7));
        let day = Duration::from_secs(86_400);
        let none: Option<()> = rest.unless(|| async { Err(often(day)) }).await;
        assert_eq!((none, rest.left().is_zero()), (None, false));
        // A shorter one that comes late does not end it.
        rest.note(&often(Duration::ZERO));
        let none: Option<()> = rest.unless(|| async { panic!("asked all the same") }).await;
        assert_eq!(none, None);
    }
}
