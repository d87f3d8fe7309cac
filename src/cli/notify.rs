//! `pilothouse notify test`: whether those outside can be told at all.

use super::exit::{Ended, Exit};
use super::prepare::load_fleet;
use crate::base::did_you_mean;
use crate::engine::now;
use crate::fleet::{Fleet, Notify};
use crate::notify::{test_message, try_once};
use crate::wire::Identity;
use std::path::Path;

/// Sends each one a test, once; the text is for stdout.
///
/// # Errors
/// There is nobody to send it to.
pub async fn test(fleet: &Path, only: Option<&str>) -> Result<(String, Exit), Ended> {
    let loaded = load_fleet(fleet)?;
    let fleet = &loaded.fleet;
    let chosen = chosen(fleet, only)?;
    let tried = chosen.iter().map(|to| one(fleet, to));
    let tried = futures_util::future::join_all(tried).await;
    let arrived = tried.iter().all(|(_, exit)| *exit == Exit::Done);
    let exit = if arrived { Exit::Done } else { Exit::Failed };
    Ok((tried.into_iter().map(|(line, _)| line).collect(), exit))
}

fn chosen<'a>(fleet: &'a Fleet, only: Option<&str>) -> Result<Vec<&'a Notify>, Ended> {
    let all = || fleet.notify.iter();
    if fleet.notify.is_empty() {
        let text = "the fleet file has no [[notify]] section: nobody outside is told anything; config/examples/fleet.toml shows one";
        return Err(Ended::new(Exit::BadInput, text));
    }
    let Some(only) = only else {
        return Ok(all().collect());
    };
    let chosen: Vec<&Notify> = all().filter(|n| n.name == only).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = all().map(|n| n.name.as_str()).collect();
        let guess = did_you_mean(only, names.iter().copied());
        let text = format!(
            "--only {only}: nobody is called so; {guess}there are {}",
            names.join(", ")
        );
        return Err(Ended::new(Exit::BadInput, text));
    }
    Ok(chosen)
}

async fn one(fleet: &Fleet, to: &Notify) -> (String, Exit) {
    let identity = Identity {
        fleet: fleet.name.clone(),
        environment: fleet.environment.name.clone(),
        production: fleet.environment.production,
    };
    let begun = now();
    let message = test_message(&to.name, identity, begun);
    let answer = try_once(to, &message, begun).await;
    let took = now().since(begun);
    let who = format!("{} {}", to.to.word(), to.name);
    match answer {
        Ok(said) => (
            format!("{who}: delivered, {said} after {took}\n"),
            Exit::Done,
        ),
        Err(why) => (format!("{who}: NOT delivered: {why}\n"), Exit::Failed),
    }
}
