//! What the tables of a migration look like on each shard, and what is odd
//! about one of them.
//!
//! Every shard posts what it found when it is opened and again in its own
//! preflight; the comparison is pure and knows no kind. Of every single
//! object the commonest definition wins, so that two shards with one oddity
//! each do not hide one another.

use crate::base::{Digest, ShardName, Untrusted};
use crate::worker::{Check, CheckVerdict};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether a migration has to do with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What was done before: every shard of a fleet has the same behind it.
    Past,
    /// It reads, replaces, fires or is bound by it: a difference is a failure.
    Touched,
    /// It is only in the same table: a difference is worth knowing.
    Beside,
}

/// The tables of a migration on one shard: what each object is, by its name
/// in plain words. Names of constraints, the order of columns and owners are
/// left out: they differ without meaning anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    objects: BTreeMap<String, (Part, String)>,
}

impl Shape {
    /// Notes one object, such as `public.t column n` and `integer, not null`.
    pub fn note(&mut self, object: impl Into<String>, part: Part, definition: impl Into<String>) {
        self.objects
            .insert(object.into(), (part, definition.into()));
    }

    /// Short name of exactly this shape.
    pub fn digest(&self) -> Digest {
        let parts: Vec<&[u8]> = self
            .objects
            .iter()
            .flat_map(|(name, (_, is))| [name.as_bytes(), b"\0", is.as_bytes(), b"\0"])
            .collect();
        Digest::of("shape/1", &parts)
    }

    fn is(&self, object: &str) -> Option<&str> {
        self.objects.get(object).map(|(_, is)| is.as_str())
    }
}

/// The shapes of a fleet, shared by all its shards.
#[derive(Clone, Debug, Default)]
pub struct Shapes(Arc<Mutex<BTreeMap<Shape, BTreeSet<ShardName>>>>);

/// One object that is not what it is on most other shards.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Odd {
    object: String,
    part: Part,
    here: Option<String>,
    there: Option<String>,
    /// Shards that have it as it is there.
    shards: usize,
    /// As many have it as it is here: nobody can say who is right.
    is_tie: bool,
}

impl Shapes {
    fn kept(&self) -> MutexGuard<'_, BTreeMap<Shape, BTreeSet<ShardName>>> {
        // A panic while this lock is held cannot leave half a value behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a shard's shape up, in place of what it had put up before.
    pub fn post(&self, shard: &ShardName, shape: Shape) {
        let mut kept = self.kept();
        for shards in kept.values_mut() {
            shards.remove(shard);
        }
        kept.retain(|_, shards| !shards.is_empty());
        kept.entry(shape).or_default().insert(shard.clone());
    }

    /// Compares a shape that was just posted with all others.
    pub fn check(&self, mine: &Shape) -> Vec<Check> {
        let kept = self.kept();
        let groups: Vec<(&Shape, usize)> = kept.iter().map(|(s, n)| (s, n.len())).collect();
        let all: usize = groups.iter().map(|(_, n)| n).sum();
        if all < 2 {
            let value = format!(
                "shape {}, no other shard to compare with",
                mine.digest().short()
            );
            return vec![finding(Part::Touched, CheckVerdict::Pass, value)];
        }
        let odd = odd(&groups, mine);
        if odd.is_empty() {
            let value = format!(
                "shape {}, as on most of {all} shards",
                mine.digest().short()
            );
            return vec![finding(Part::Touched, CheckVerdict::Pass, value)];
        }
        let told = |part| {
            let said: Vec<String> = odd
                .iter()
                .filter(|o| o.part == part)
                .map(|o| tell(o, all))
                .collect();
            (!said.is_empty()).then(|| finding(part, verdict(part), said.join("; ")))
        };
        [Part::Past, Part::Touched, Part::Beside]
            .into_iter()
            .filter_map(told)
            .collect()
    }
}

fn verdict(part: Part) -> CheckVerdict {
    match part {
        Part::Past | Part::Touched => CheckVerdict::Fail,
        Part::Beside => CheckVerdict::Warn,
    }
}

fn finding(part: Part, verdict: CheckVerdict, value: String) -> Check {
    let (name, limit, remedy) = match part {
        Part::Past => (
            "preflight/history",
            "the same migrations done on every shard of the fleet",
            "`pilothouse catch-up` brings a shard to what the others have done; `pilothouse history` tells who has what",
        ),
        Part::Touched => (
            "preflight/drift",
            "the same table on every shard of the fleet",
            "bring the table to one shape on all shards, or leave the odd shard out of the fleet file",
        ),
        Part::Beside => (
            "preflight/drift",
            "the same table on every shard of the fleet",
            "find out why; the migration itself has nothing to do with it",
        ),
    };
    let remedy = if verdict == CheckVerdict::Pass {
        "–"
    } else {
        remedy
    };
    Check::new(name, verdict, value, limit, remedy)
}

fn tell(odd: &Odd, all: usize) -> String {
    let word = |is: &Option<String>| match is {
        Some(is) => Untrusted::new(is.as_str()).to_string(),
        None => "missing".to_owned(),
    };
    let tie = if odd.is_tie {
        ", so neither is the majority"
    } else {
        ""
    };
    format!(
        "{} is {} here, {} on {} of {all} shards{tie}",
        Untrusted::new(odd.object.as_str()),
        word(&odd.here),
        word(&odd.there),
        odd.shards
    )
}

/// What is odd about `mine`, which is one of the groups.
fn odd(groups: &[(&Shape, usize)], mine: &Shape) -> Vec<Odd> {
    let mut names: BTreeMap<&str, Part> = BTreeMap::new();
    for (name, (part, _)) in groups.iter().flat_map(|(shape, _)| &shape.objects) {
        let known = names.entry(name).or_insert(*part);
        *known = (*known).min(*part);
    }
    let mut found = Vec::new();
    for (name, part) in names {
        let mut tally: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for (shape, shards) in groups {
            *tally.entry(shape.is(name)).or_default() += shards;
        }
        let here = mine.is(name);
        let like_us = tally.remove(&here).unwrap_or(0);
        let commonest = tally.into_iter().max_by_key(|(_, shards)| *shards);
        if let Some((there, shards)) = commonest.filter(|(_, shards)| *shards >= like_us) {
            found.push(Odd {
                object: name.to_owned(),
                part,
                here: here.map(str::to_owned),
                there: there.map(str::to_owned),
                shards,
                is_tie: shards == like_us,
            });
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shape(objects: &[(&str, Part, &str)]) -> Shape {
        let mut shape = Shape::default();
        for (name, part, is) in objects {
            shape.note(*name, *part, *is);
        }
        shape
    }

    fn fleet(shapes: &[Shape]) -> Shapes {
        let board = Shapes::default();
        for (n, shape) in shapes.iter().enumerate() {
            board.post(&ShardName::new(format!("s{n}")).unwrap(), shape.clone());
        }
        board
    }

    fn told(board: &Shapes, mine: &Shape) -> Vec<(CheckVerdict, String)> {
        let checks = board.check(mine);
        checks.into_iter().map(|c| (c.verdict, c.value)).collect()
    }

    #[test]
    fn the_odd_shard_is_told_what_is_odd_and_the_others_pass() {
        let common = shape(&[("t column n", Part::Touched, "integer")]);
        let other = shape(&[("t column n", Part::Touched, "bigint")]);
        let board = fleet(&[common.clone(), common.clone(), other.clone()]);
        assert_eq!(board.check(&common)[0].verdict, CheckVerdict::Pass);
        let says = "t column n is bigint here, integer on 2 of 3 shards";
        assert_eq!(
            told(&board, &other),
            [(CheckVerdict::Fail, says.to_owned())]
        );
        // Mended and posted again, it passes.
        board.post(&ShardName::new("s2").unwrap(), common.clone());
        assert_eq!(board.check(&common)[0].verdict, CheckVerdict::Pass);
    }

    #[test]
    fn two_oddities_do_not_hide_one_another() {
        let of = |a, b| shape(&[("a", Part::Touched, a), ("b", Part::Touched, b)]);
        let board = fleet(&[of("x", "y"), of("other", "y"), of("x", "other")]);
        assert_eq!(board.check(&of("x", "y"))[0].verdict, CheckVerdict::Pass);
        assert_eq!(told(&board, &of("other", "y")).len(), 1);
        let second = told(&board, &of("x", "other"));
        assert!(
            second[0].1.starts_with("b is other here, y on 2"),
            "{second:?}"
        );
    }

    #[test]
    fn without_a_majority_both_sides_are_told() {
        let (a, b) = (
            shape(&[("n", Part::Touched, "a")]),
            shape(&[("n", Part::Touched, "b")]),
        );
        let board = fleet(&[a.clone(), b.clone()]);
        for mine in [a, b] {
            let told = told(&board, &mine);
            assert_eq!(told[0].0, CheckVerdict::Fail);
            assert!(told[0].1.ends_with("neither is the majority"), "{told:?}");
        }
    }

    #[test]
    fn what_the_migration_does_not_touch_only_warns() {
        let common = shape(&[("n", Part::Touched, "a")]);
        let more = shape(&[("n", Part::Touched, "a"), ("x", Part::Beside, "text")]);
        let board = fleet(&[common.clone(), common, more.clone()]);
        let says = "x is text here, missing on 2 of 3 shards";
        assert_eq!(told(&board, &more), [(CheckVerdict::Warn, says.to_owned())]);
    }

    #[test]
    fn one_shard_alone_has_nobody_to_differ_from() {
        let mine = shape(&[("n", Part::Touched, "a")]);
        let board = fleet(std::slice::from_ref(&mine));
        assert_eq!(board.check(&mine)[0].verdict, CheckVerdict::Pass);
    }
}
