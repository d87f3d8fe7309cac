//! What an engine lets others see.

use super::clock;
use super::supervisor::Engine;
use crate::base::Period;
use crate::rollout::Fact;
use crate::wire::{FleetView, Source, Telemetry, project};

/// What was decided is shown this soon.
const PUBLISH_DECIDED: Period = Period::from_ms(100);
/// What is only measured is shown this often: quicker than a person reads
/// figures, and what an idle fleet costs.
const PUBLISH_MEASURED: Period = Period::from_ms(300);

impl Engine {
    pub(super) fn print_new(&mut self) {
        let printed = self.printed;
        let fresh: Vec<(u64, Fact)> = self
            .setup
            .book
            .recent()
            .iter()
            .filter(|(seq, _)| *seq > printed)
            .cloned()
            .collect();
        for (seq, fact) in fresh {
            (self.print)(seq, &fact);
            self.setup.notifier.hear(seq, &fact);
            self.printed = seq;
        }
    }

    /// The present view.
    pub fn view(&mut self) -> FleetView {
        let telemetry = Telemetry {
            shards: self
                .meters
                .iter()
                .map(|(n, m)| (n.clone(), m.seen().clone()))
                .collect(),
            restore: self.restore.clone(),
        };
        let head = self.setup.book.head();
        let log = self.setup.book.store().log().clone();
        let recent = self.setup.book.recent().to_vec();
        let trouble = self.setup.book.trouble().cloned();
        let notify = self.setup.notifier.shown();
        let source = Source {
            identity: &self.setup.identity,
            contacts: &self.setup.contacts,
            state: self.setup.book.state(),
            observations: &self.observations,
            telemetry: &telemetry,
            recent: &recent,
            head: Some(head),
            log: Some(&log),
            stall_after: self.setup.stall_after,
            notify: &notify,
            journal_trouble: trouble.as_ref().map(|t| (t.since, t.why.as_str())),
        };
        project(&source, clock::now())
    }

    pub(super) fn publish(&mut self) {
        let decided = self.setup.book.head().seq != self.published;
        let every = match decided {
            true => PUBLISH_DECIDED,
            false => PUBLISH_MEASURED,
        };
        if clock::now().since(self.published_at) >= every {
            self.publish_now();
        }
    }

    pub(super) fn publish_now(&mut self) {
        let now = clock::now();
        self.published_at = now;
        self.published = self.setup.book.head().seq;
        let view = self.view();
        self.setup.notifier.see(&view, now);
        let people = self.setup.book.state().people.clone();
        self.setup.publisher.publish(view, people, now);
    }
}
