//! A runbook: Markdown by people who know what to do, opened where somebody
//! needs it.
//!
//! Sections are found by their headings (`#` to `######`): a stage, or a word
//! that the screens use for what is wrong. What a line may do is little:
//! headings, list items, code as it is, and text that may be wrapped.

use super::view::{FleetView, RingView, ShardView};
use super::{Sign, Standing};
use crate::base::{RingName, ShardName, Stop};

/// A runbook, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runbook {
    blocks: Vec<Block>,
}

/// A piece of it that is wrapped on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub voice: Voice,
    /// Cells in front of it.
    pub indent: usize,
    /// Its text, on one line.
    pub text: String,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// A heading.
    Heading,
    /// Text.
    Text,
    /// A list item; its mark is part of the text.
    Item,
    /// One line of code, as it is.
    Code,
    /// Nothing.
    Blank,
}

impl Runbook {
    /// Reads the text. Every text is a runbook.
    pub fn read(text: &str) -> Self {
        let mut blocks: Vec<Block> = Vec::new();
        let mut fence: Option<&str> = None;
        for line in text.lines() {
            let bare = line.trim_start();
            let indent = line.len() - bare.len();
            let mark = ["```", "~~~"].into_iter().find(|m| bare.starts_with(m));
            match (fence, mark) {
                (None, Some(mark)) => fence = Some(mark),
                (Some(open), Some(mark)) if open == mark => fence = None,
                (Some(_), _) => blocks.push(block(Voice::Code, 2, line)),
                (None, None) => plain(&mut blocks, bare.trim_end(), indent),
            }
        }
        Self { blocks }
    }

    /// Its pieces, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The heading that fits best: its place among the blocks. A heading fits
    /// a word if it begins with it, whatever its case; `-` and `_` are spaces,
    /// and a code or number that follows makes it speak of that one only.
    pub fn find(&self, situation: &Situation) -> Option<usize> {
        let headings: Vec<(usize, String)> = (0..)
            .zip(&self.blocks)
            .filter(|(_, block)| block.voice == Voice::Heading)
            .map(|(place, block)| (place, normal(&block.text)))
            .collect();
        situation.words.iter().find_map(|word| {
            let fits = |(_, heading): &&(usize, String)| begins_with(heading, word);
            headings.iter().find(fits).map(|(place, _)| *place)
        })
    }
}

fn block(voice: Voice, indent: usize, text: &str) -> Block {
    Block {
        voice,
        indent,
        text: text.to_owned(),
    }
}

/// A line outside code.
fn plain(blocks: &mut Vec<Block>, bare: &str, indent: usize) {
    if bare.is_empty() {
        return blocks.push(block(Voice::Blank, 0, ""));
    }
    if let Some(text) = heading(bare) {
        return blocks.push(block(Voice::Heading, 0, text));
    }
    // Deeper lists stand deeper, but never off the screen.
    let indent = indent.min(8);
    if is_item(bare) {
        return blocks.push(block(Voice::Item, indent, bare));
    }
    match blocks.last_mut() {
        // A line goes on where the one before it ended.
        Some(last) if matches!(last.voice, Voice::Text | Voice::Item) => {
            last.text.push(' ');
            last.text.push_str(bare);
        }
        _ => blocks.push(block(Voice::Text, 0, bare)),
    }
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    let is_one = (1..=6).contains(&level) && text.starts_with(' ');
    is_one.then(|| text.trim().trim_end_matches('#').trim_end())
}

fn is_item(line: &str) -> bool {
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered =
        digits.len() < line.len() && (digits.starts_with(". ") || digits.starts_with(") "));
    numbered || ["- ", "* ", "+ "].iter().any(|mark| line.starts_with(mark))
}

fn normal(text: &str) -> String {
    let letters = text.chars().filter(|c| !matches!(c, '`' | '*'));
    let letters = letters.map(|c| if matches!(c, '-' | '_') { ' ' } else { c });
    letters.collect::<String>().trim().to_lowercase()
}

/// A heading that goes on with a code or a number speaks of that one only:
/// "failed 55P03" is no answer to any other failure.
fn begins_with(heading: &str, word: &str) -> bool {
    let Some(rest) = heading.strip_prefix(word) else {
        return false;
    };
    let next = rest.split_whitespace().next().unwrap_or_default();
    !rest.starts_with(char::is_alphanumeric) && !next.contains(|c: char| c.is_ascii_digit())
}

/// What somebody has before them: the words to look for, the closest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// As headings are spelled once they are [`normal`]: lower case.
    words: Vec<String>,
    /// In words for people.
    pub about: String,
}

impl Situation {
    /// One shard's trouble, or its stage.
    pub fn of_shard(shard: &ShardView) -> Self {
        let mut words = Vec::new();
        if let Some(fault) = &shard.failure {
            let code = normal(&fault.code);
            words.extend([format!("failed {code}"), code]);
        }
        words.extend(of_standing(&shard.standing));
        words.extend(of_stop(shard.stop));
        Self {
            words,
            about: format!("{}: {}, {}", shard.name, shard.stop, shard.standing.word),
        }
    }

    /// A ring's trouble, or its stage. A shard of it that has failed counts as
    /// the ring's.
    pub fn of_ring(view: &FleetView, ring: &RingView) -> Self {
        let mut words = failed_of(view, Some(&ring.name));
        words.extend(of_standing(&ring.standing));
        words.extend(ring.stop.into_iter().flat_map(of_stop));
        let stop = ring.stop.map_or_else(String::new, |s| format!("{s}, "));
        Self {
            words,
            about: format!("{}: {stop}{}", ring.name, ring.standing.word),
        }
    }

    /// The rollout's trouble, or its lowest stage.
    pub fn of_fleet(view: &FleetView) -> Self {
        let mut words = Vec::new();
        if view.header.unwritten_since.is_some() {
            words.push("journal".into());
        }
        let mut about = "fleet".to_owned();
        if let Some(rollout) = &view.header.rollout {
            words.extend(of_standing(&rollout.standing));
            about = format!("fleet: {}", rollout.standing.word);
        }
        words.extend(failed_of(view, None));
        let stops = view.rings.iter().filter_map(|ring| ring.stop);
        words.extend(stops.min().into_iter().flat_map(of_stop));
        Self { words, about }
    }

    /// The shard or ring of a name, or the fleet.
    pub fn of(view: &FleetView, ring: Option<&RingName>, shard: Option<&ShardName>) -> Self {
        let shard = shard.and_then(|name| view.shards.iter().find(|s| s.name == *name));
        let ring = ring.and_then(|name| view.rings.iter().find(|r| r.name == *name));
        match (shard, ring) {
            (Some(shard), _) => Self::of_shard(shard),
            (None, Some(ring)) => Self::of_ring(view, ring),
            (None, None) => Self::of_fleet(view),
        }
    }
}

/// The first failure among shards.
fn failed_of(view: &FleetView, ring: Option<&RingName>) -> Vec<String> {
    let here = |shard: &&ShardView| ring.is_none_or(|ring| shard.ring == *ring);
    let mut faults = view.shards.iter().filter(here);
    match faults.find_map(|shard| shard.failure.as_ref()) {
        None => Vec::new(),
        Some(fault) => {
            let code = normal(&fault.code);
            vec![format!("failed {code}"), code, "failed".into()]
        }
    }
}

/// The words that the screens use for what is wrong, as people may spell them.
fn of_standing(standing: &Standing) -> Vec<String> {
    let generic: &[&str] = match standing.sign {
        Sign::Failed => &["failed", "failure"],
        Sign::Held => &["held", "hold"],
        Sign::Paused => &["paused", "pause"],
        Sign::Throttled => &["throttled", "throttle", "slow"],
        Sign::Unknown => &["unreachable", "unknown"],
        Sign::RolledBack => &["rolling back", "rolled back", "roll back", "rollback"],
        Sign::NeedsHuman => &["promote", "approve", "approval"],
        Sign::NotYet | Sign::Running | Sign::Partly | Sign::Done => return Vec::new(),
    };
    // `held: soak` has a section of its own, or that of every hold.
    let own = normal(standing.word.trim_start_matches("held: "));
    let own = own.split(" by ").next().unwrap_or_default().to_owned();
    let own = std::iter::once(own).filter(|word| !word.is_empty());
    own.chain(generic.iter().map(|word| (*word).to_owned()))
        .collect()
}

fn of_stop(stop: Stop) -> Vec<String> {
    vec![normal(&stop.to_string()), normal(stop.stage().word())]
}
