//! Checks `[[notify]]`.

use super::command;
use super::notify::{Notify, NotifyEvent, NotifyTo};
use super::raw::{RawNotify, RawNotifyTo};
use super::secret_ref::{SecretRefError, parse_secret_ref};
use crate::base::{Findings, Period};
use crate::fleet::model::SecretRef;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;

/// How long one try may take.
const TIMEOUT: RangeInclusive<Period> = Period::from_ms(1_000)..=Period::from_ms(60_000);
const TIMEOUT_DEFAULT: Period = Period::from_ms(10_000);
/// More than this is a mistake, not a way to be told.
const NOTIFY_MAX: usize = 16;

pub(super) fn notify(raw: &[RawNotify], base: &Path, findings: &mut Findings<'_>) -> Vec<Notify> {
    if raw.len() > NOTIFY_MAX {
        let message = format!("{} are to be told, more than {NOTIFY_MAX}", raw.len());
        let remedy = "tell one, and let it tell the others";
        findings.report("notify", message, remedy);
    }
    let mut seen = BTreeSet::new();
    let each = raw.iter().enumerate();
    each.filter_map(|(position, raw)| {
        let path = format!("notify[{}]", position + 1);
        one(&path, raw, &mut seen, base, findings)
    })
    .collect()
}

fn one<'a>(
    path: &str,
    raw: &'a RawNotify,
    seen: &mut BTreeSet<&'a str>,
    base: &Path,
    findings: &mut Findings<'_>,
) -> Option<Notify> {
    let name = raw.name.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
        findings.report(
            &format!("{path}.name"),
            "this is no name for somebody who is told",
            "use 1 to 32 letters, digits, \"-\" and \"_\"",
        );
    } else if !seen.insert(name) {
        let message = format!("there are two [[notify]] sections named {name:?}");
        findings.report(&format!("{path}.name"), message, "rename one of them");
    }
    let events = raw.events.as_ref().map(|words| {
        if words.is_empty() {
            findings.report(
                &format!("{path}.events"),
                "an empty list tells of nothing",
                "leave the key out to tell of everything, or remove the section",
            );
        }
        events(&format!("{path}.events"), words, findings)
    });
    let timeout = findings.period(
        &format!("{path}.timeout"),
        raw.timeout.as_deref(),
        TIMEOUT,
        TIMEOUT_DEFAULT,
    );
    let to = to(&format!("{path}.to"), &raw.to, base, findings)?;
    Some(Notify {
        name: name.to_owned(),
        to,
        events,
        timeout,
    })
}

fn events(path: &str, words: &[String], findings: &mut Findings<'_>) -> BTreeSet<NotifyEvent> {
    let choices = NotifyEvent::ALL.map(|event| (event.word(), event));
    let each = words.iter().enumerate();
    each.filter_map(|(position, word)| {
        findings.choose(
            &format!("{path}[{}]", position + 1),
            "event",
            word,
            &choices,
        )
    })
    .collect()
}

fn to(path: &str, raw: &RawNotifyTo, base: &Path, findings: &mut Findings<'_>) -> Option<NotifyTo> {
    let mut secret = |path: String, text: &str| -> Option<SecretRef> {
        let parsed = parse_secret_ref(text, base);
        findings.accept(&path, parsed, SecretRefError::remedy())
    };
    match raw {
        RawNotifyTo::Webhook { url, key } => {
            let url = secret(format!("{path}.webhook.url"), url);
            let key = secret(format!("{path}.webhook.key"), key);
            let (url, key) = url.zip(key)?;
            Some(NotifyTo::Webhook { url, key })
        }
        RawNotifyTo::Slack { url } => {
            let url = secret(format!("{path}.slack.url"), url)?;
            Some(NotifyTo::Slack { url })
        }
        RawNotifyTo::Command { argv } => {
            let mut argv = argv.clone();
            match argv
                .first_mut()
                .filter(|program| !program.trim().is_empty())
            {
                Some(program) => *program = command::program(program, base),
                None => findings.report(
                    &format!("{path}.command.argv"),
                    "no program is named",
                    "write argv = [\"./tell-us\", \"oncall\"]",
                ),
            }
            let directory = base.to_path_buf();
            Some(NotifyTo::Command { argv, directory })
        }
    }
}
