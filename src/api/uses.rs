//! When each token was last shown, and found to be right.

use crate::base::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The moments, by the tokens' public parts. As many as there are tokens.
#[derive(Clone, Debug, Default)]
pub struct TokenUses(Arc<Mutex<BTreeMap<String, Timestamp>>>);

impl TokenUses {
    /// A token was shown.
    pub(super) fn note(&self, id: &str, now: Timestamp) {
        // A panic while this lock is held cannot leave half a moment behind.
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.insert(id.to_owned(), now);
    }

    /// Those that were shown since this was asked last.
    pub fn take(&self) -> BTreeMap<String, Timestamp> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *uses)
    }
}
