//! A report as Markdown that reads well as plain text, too.

use super::account::{Glassed, Heading, Report, Request, Standstill, Until};
use super::cell::{Table, cell, moment};
use crate::base::{Cause, Period, Timestamp};
use crate::rollout::{ApprovalEnd, Mark, Outcome};
use crate::wire::words;

/// What no journal holds, said in every report.
const NOT_ON_RECORD: [&str; 4] = [
    "Rates, lag and chunk times over time. They are telemetry; what is here are sums that a stage ended with.",
    "For how long rows waited for the throttle, other than as the engine that finished the stage saw it: an engine that was replaced in the middle took its part with it, and so did every stage that was never finished.",
    "Checks that passed, one by one. A stage that is done passed all of them; what they warned of is above.",
    "Owner, escalation and runbook. They are in the migration file, and not part of what is approved.",
];

impl Report {
    /// The whole report. Every text from outside is escaped.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        self.head(&mut out);
        self.open_ends(&mut out);
        self.deviations(&mut out);
        self.timeline(&mut out);
        self.approvals(&mut out);
        self.standstills(&mut out);
        self.failures(&mut out);
        self.checks(&mut out);
        self.figures(&mut out);
        section(&mut out, "Not on record");
        for line in NOT_ON_RECORD {
            out.push_str(&format!("- {line}\n"));
        }
        out
    }

    fn head(&self, out: &mut String) {
        let h = &self.heading;
        out.push_str(&format!("# Rollout {}\n\n", cell(&h.id)));
        for warning in &self.warnings {
            out.push_str(&format!("> **NOT TO BE TRUSTED: {}**\n>\n", cell(warning)));
        }
        if !self.warnings.is_empty() {
            out.push_str("> What follows is only what could be read.\n\n");
        }
        let mut table = Table::new(&["Rollout", &cell(&h.id)]);
        let mut say = |key: &str, text: String| table.row([key.to_owned(), text]);
        let where_to = if h.production { ", in production" } else { "" };
        say("Migration", format!("{}{where_to}", h.migration));
        let opened = format!("{} by {}", moment(h.opened_at), cell(&h.opened_by));
        say("Opened (UTC)", opened);
        say("Outcome", outcome(h));
        let rings = h.rings.iter().map(|(name, n)| format!("{name} ({n})"));
        say("Rings (shards)", rings.collect::<Vec<_>>().join(", "));
        say("Plan digest", h.plan.to_string());
        say("Shard set digest", h.shard_set.to_string());
        say("Policy digest", h.policy.to_string());
        say("Entries", format!("#{} to #{}", h.entries.0, h.entries.1));
        say("Journal head", h.head.to_string());
        if let Some(seal) = &h.sealed {
            let (at, key) = (moment(seal.at), cell(&seal.key));
            let text = format!("up to #{} at {at}, by {key} (#{})", seal.up_to, seal.seq);
            say("Newest seal", text);
        }
        say("Report made (UTC)", moment(h.made_at));
        for run in &h.other_runs {
            let ended = match run.outcome {
                None => "did not end",
                Some(Outcome::Done) => "done",
                Some(Outcome::Aborted) => "aborted",
            };
            let text = format!("#{}, opened {}, {ended}", run.first, moment(run.opened_at));
            say("Another run", text);
        }
        table.write(out);
    }

    fn open_ends(&self, out: &mut String) {
        section(out, "Open ends");
        if self.open_ends.is_empty() {
            out.push_str("None.\n");
        }
        for end in &self.open_ends {
            out.push_str(&format!("- {}\n", cell(end)));
        }
    }

    fn deviations(&self, out: &mut String) {
        section(out, "Deviations from the plan");
        let mut table = Table::new(&["When (UTC)", "#", "Where", "What"]);
        for d in &self.deviations {
            let place = cell(&d.scope.to_string());
            table.row([moment(d.at), d.seq.to_string(), place, cell(&d.what)]);
        }
        write_or(out, &table, "None.");
    }

    fn timeline(&self, out: &mut String) {
        section(out, "Timeline");
        let mut table = Table::new(&["When (UTC)", "Took", "#", "Where", "Who", "What"]);
        for m in &self.timeline {
            let took = match m.to.since(m.from) {
                none if none.ms() == 0 => String::new(),
                some => words::period(some),
            };
            table.row([
                moment(m.from),
                took,
                m.seq.to_string(),
                cell(&m.scope.to_string()),
                cell(&m.who),
                cell(&m.what),
            ]);
        }
        table.write(out);
    }

    fn approvals(&self, out: &mut String) {
        section(out, "Approvals");
        let mut table = Table::new(&["Request", "For", "Asked by", "Given by", "End"]);
        for request in &self.requests {
            let given = request.given.iter().map(|given| match &given.key {
                None => said(&given.mark),
                Some(key) => format!("{}, signed with {}", said(&given.mark), cell(key)),
            });
            let given: Vec<String> = given.collect();
            let mut wanted = format!("{} of ring {}", request.stop, request.ring);
            if let Some(window) = request.window {
                wanted.push_str(&format!(", {window}"));
            }
            table.row([
                cell(&request.id),
                wanted,
                said(&request.asked),
                given.join(", "),
                ended(request, self.heading.made_at),
            ]);
        }
        write_or(out, &table, "None was asked for.");
        if !self.glass.is_empty() {
            out.push_str("\n### Broken glass\n\n");
            let mut table = Table::new(&["By", "Until (UTC)", "Reviewed by", "Admitted meanwhile"]);
            for glass in &self.glass {
                table.row(glass_row(glass));
            }
            table.write(out);
        }
    }

    fn standstills(&self, out: &mut String) {
        section(out, "Holds and pauses");
        let until = self.until();
        let mut table = Table::new(&[
            "From (UTC)",
            "#",
            "What",
            "Where",
            "Lasted",
            "By",
            "Lifted by",
            "Why",
        ]);
        for s in &self.standstills {
            table.row(standstill_row(s, until));
        }
        write_or(out, &table, "Nothing was held or paused.");
        out.push_str("\n### Time that each ring stood still\n\n");
        let head = [
            "Ring",
            "Held",
            "Paused",
            "Throttled (shard time)",
            "Caps ordered",
        ];
        let mut table = Table::new(&head);
        for ring in &self.ring_times {
            let caps = ring.caps.iter().map(|cap| {
                let most = |n| format!("{} rows/s", words::grouped(n));
                let what = cap.rows_per_s_max.map_or_else(|| "lifted".into(), most);
                format!("{what} on {} at {}", cap.scope, cap.at.minute())
            });
            table.row([
                ring.ring.to_string(),
                lasted(ring.held.ms()),
                lasted(ring.paused.ms()),
                lasted(ring.throttled_ms),
                caps.collect::<Vec<_>>().join("; "),
            ]);
        }
        table.write(out);
    }

    /// Up to when what lasts is counted.
    fn until(&self) -> Timestamp {
        self.heading
            .ended
            .map_or(self.heading.made_at, |(_, at)| at)
    }

    fn failures(&self, out: &mut String) {
        section(out, "Failures");
        let mut table = Table::new(&["When (UTC)", "#", "Shard", "Stage", "Code", "Then", "What"]);
        for f in &self.failures {
            let then = match f.then.as_slice() {
                [] => "still failed".to_owned(),
                some => some.join("; "),
            };
            let why = f
                .why
                .as_ref()
                .map_or(String::new(), |why| format!(", because {why}"));
            table.row([
                moment(f.at),
                f.seq.to_string(),
                f.shard.to_string(),
                f.stop.map_or_else(String::new, |stop| stop.to_string()),
                cell(&f.code),
                cell(&then),
                cell(&format!("{}{why}", f.what)),
            ]);
        }
        write_or(out, &table, "None.");
    }

    fn checks(&self, out: &mut String) {
        section(out, "Checks");
        out.push_str("### Promotions, and what their gates said\n\n");
        let mut table = Table::new(&["When (UTC)", "#", "Ring", "To", "By", "Why", "Gates"]);
        for a in &self.admissions {
            let how = if a.is_automatic() { " (automatic)" } else { "" };
            table.row([
                moment(a.at),
                a.seq.to_string(),
                a.ring.to_string(),
                a.stop.to_string(),
                format!("{}{how}", cell(&a.by)),
                cell(&a.reason),
                cell(&a.gates.join("; ")),
            ]);
        }
        write_or(out, &table, "Nothing was promoted.");
        out.push_str("\n### Proofs\n\n");
        let head = [
            "When (UTC)",
            "#",
            "Shard",
            "Rows",
            "Chunks",
            "Wrong",
            "Generation",
            "Digest",
        ];
        let mut table = Table::new(&head);
        for p in &self.proofs {
            table.row([
                moment(p.at),
                p.seq.to_string(),
                p.shard.to_string(),
                right(p.rows),
                right(p.chunks),
                right(p.stale),
                p.generation.to_string(),
                p.digest.map_or_else(|| "none".into(), |d| d.to_string()),
            ]);
        }
        write_or(out, &table, "No shard has been verified.");
        out.push_str("\n### To know\n\n");
        let mut table = Table::new(&["Stage", "Shards", "What"]);
        for note in &self.notes {
            let shards: Vec<&str> = note.shards.iter().map(|s| s.as_str()).collect();
            table.row([
                note.stop.to_string(),
                words::names(&shards),
                cell(&note.text),
            ]);
        }
        write_or(out, &table, "No check warned of anything.");
    }

    fn figures(&self, out: &mut String) {
        section(out, "Figures");
        let mut table = Table::new(&[
            "Ring",
            "Stage",
            "Shards",
            "From (UTC)",
            "Took",
            "Rows",
            "Rows/s",
        ]);
        for f in &self.figures {
            let took = f.to.since(f.from);
            let way = if f.undone { " undone" } else { "" };
            let shards = match f.begun {
                0 => f.done.to_string(),
                begun => format!("{} of {begun}", f.done),
            };
            table.row([
                f.ring.to_string(),
                format!("{}{way}", f.stop),
                shards,
                moment(f.from),
                words::period(took),
                right(f.rows),
                rate(f.rows, Some(took)),
            ]);
        }
        write_or(out, &table, "Nothing was begun.");
        out.push_str("\n### Rows, shard by shard\n\n");
        let head = [
            "Shard",
            "Stage",
            "#",
            "Rows",
            "Chunks",
            "Took",
            "Throttled",
            "Rows/s",
        ];
        let mut table = Table::new(&head);
        for r in &self.rows {
            table.row([
                r.shard.to_string(),
                r.stop.to_string(),
                r.seq.to_string(),
                right(r.rows),
                right(r.chunks),
                r.took.map_or_else(|| "unknown".into(), words::period),
                lasted(r.throttled_ms),
                rate(r.rows, r.took),
            ]);
        }
        write_or(out, &table, "No stage that counts rows was finished.");
    }
}

fn section(out: &mut String, title: &str) {
    out.push_str(&format!("\n## {title}\n\n"));
}

fn write_or(out: &mut String, table: &Table, nothing: &str) {
    match table.is_empty() {
        true => out.push_str(&format!("{nothing}\n")),
        false => table.write(out),
    }
}

/// Numbers keep their column.
fn right(n: u64) -> String {
    format!("{:>11}", words::grouped(n))
}

fn lasted(ms: u64) -> String {
    match ms {
        0 => "-".into(),
        ms => words::ms(ms),
    }
}

fn rate(rows: u64, took: Option<Period>) -> String {
    match took.map(Period::ms) {
        Some(ms) if ms > 0 && rows > 0 => words::grouped(rows.saturating_mul(1_000) / ms),
        _ => "-".into(),
    }
}

fn outcome(h: &Heading) -> String {
    match h.ended {
        None => format!(
            "open when this report was made, for {}",
            took(h.opened_at, h.made_at)
        ),
        Some((outcome, at)) => {
            let word = match outcome {
                Outcome::Done => "done",
                Outcome::Aborted => "aborted",
            };
            format!("{word} at {}, after {}", moment(at), took(h.opened_at, at))
        }
    }
}

fn took(from: Timestamp, to: Timestamp) -> String {
    words::period(to.since(from))
}

/// Who, when and why.
fn said(mark: &Mark) -> String {
    let by = cell(&mark.by.name);
    match mark.reason.as_str() {
        "" => format!("{by} at {}", moment(mark.at)),
        why => format!("{by} at {} ({})", moment(mark.at), cell(why)),
    }
}

fn ended(request: &Request, now: Timestamp) -> String {
    match &request.end {
        Some(ApprovalEnd::Consumed(at)) => format!("used at {}", moment(*at)),
        Some(ApprovalEnd::Withdrawn(mark)) => format!("withdrawn by {}", said(mark)),
        Some(ApprovalEnd::Rejected(mark)) => format!("rejected by {}", said(mark)),
        Some(ApprovalEnd::Void { at, changed }) => {
            format!(
                "void at {}: {} changed",
                moment(*at),
                cell(&changed.join(" and "))
            )
        }
        None if request.expires_at <= now => format!("expired at {}", moment(request.expires_at)),
        None => format!("open until {}", moment(request.expires_at)),
    }
}

fn glass_row(glass: &Glassed) -> [String; 4] {
    let admitted = glass
        .admitted
        .iter()
        .map(|(ring, stop)| format!("{ring} to {stop}"));
    let admitted: Vec<String> = admitted.collect();
    [
        said(&glass.broken),
        moment(glass.until),
        glass
            .reviewed
            .as_ref()
            .map_or_else(|| "NOBODY YET".into(), said),
        match admitted.is_empty() {
            true => "nothing".into(),
            false => admitted.join(", "),
        },
    ]
}

fn standstill_row(s: &Standstill, until: Timestamp) -> [String; 8] {
    let lifted = match &s.until {
        Until::Now => "nobody yet".into(),
        Until::TheEnd(_) => "the end".into(),
        Until::Lifted(mark) => cell(&mark.by.name),
    };
    let why = match s.mark.cause {
        Cause::Operator => cell(&s.mark.reason),
        rule => cell(&format!("{rule}: {}", s.mark.reason)),
    };
    [
        moment(s.mark.at),
        s.seq.to_string(),
        s.stood.word().into(),
        cell(&s.scope.to_string()),
        words::period(s.lasted(until)),
        cell(&s.mark.by.name),
        lifted,
        why,
    ]
}
