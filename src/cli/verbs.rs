//! Verbs and approvals as subcommands: from what was typed to an order.

use super::args::{ActCli, ApprovalsCli, ConfirmCli, RequestCli, ScopeCli, VerbCli, VerbsCli};
use super::exit::{Ended, Exit};
use super::order::{self, Earnest, Given, OrderArgs, Shape};
use super::sign::{Asks, Signer};
use super::{approve, attach, end_blocker, moment, wait};
use crate::base::Period;
use crate::engine::now;
use crate::rollout::{ApprovalAct, Verb, Window};
use serde::Serialize;

/// What a command says and how it ends.
pub type Answer = Result<(String, Exit), Ended>;

/// What every act of a person comes with.
///
/// # Errors
/// The token cannot be read.
pub fn given(act: ActCli) -> Result<Given, Ended> {
    let token = act.token.as_deref().map(attach::secret).transpose()?;
    Ok(Given {
        fleet: act.fleet,
        reason: act.reason,
        token,
        earnest: match act.dry_run {
            true => Earnest::DryRun,
            false => Earnest::Meant,
        },
    })
}

/// How the answer is wanted.
pub fn shape(act: &ActCli) -> Shape {
    match act.json {
        true => Shape::Json,
        false => Shape::Text,
    }
}

/// An answer as one JSON object, however it ended.
#[derive(Serialize)]
struct Told<'a> {
    outcome: &'static str,
    exit: u8,
    text: &'a str,
}

/// The answer in the shape that was wanted.
pub fn shaped(shape: Shape, answer: Answer) -> Answer {
    if shape == Shape::Text {
        return answer;
    }
    let (text, exit) = match &answer {
        Ok((text, exit)) => (text, *exit),
        Err(ended) => (&ended.text, ended.exit),
    };
    let told = Told {
        outcome: exit.word(),
        exit: exit.code(),
        text: text.trim_end(),
    };
    let json = serde_json::to_string(&told);
    let json = json.map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
    Ok((json + "\n", exit))
}

/// Runs a verb.
///
/// # Errors
/// It was refused, or nobody could take it.
pub async fn verb(command: VerbsCli) -> Answer {
    let (args, verb, confirm) = match command {
        VerbsCli::Pause(args) => (args, Verb::Pause, None),
        VerbsCli::Resume(args) => (args, Verb::Resume, None),
        VerbsCli::Promote(ConfirmCli { verb, confirm }) => (verb, Verb::Promote, confirm),
        VerbsCli::Hold(args) => (args, Verb::Hold, None),
        VerbsCli::Release(args) => (args, Verb::Release, None),
        VerbsCli::Retry(args) => (args, Verb::Retry, None),
        VerbsCli::Rollback(args) => {
            let verb = Verb::RollBack { to: args.to };
            (args.verb, verb, args.confirm)
        }
        VerbsCli::Abort(ConfirmCli { verb, confirm }) => (verb, Verb::Abort, confirm),
        VerbsCli::Abandon(args) => (args, Verb::Abandon, None),
        VerbsCli::EndBlocker(args) => return end_blocker::run(args).await,
        VerbsCli::Schedule(args) => {
            let verb = Verb::Schedule(window(&args.from, &args.until)?);
            let scope = ScopeCli {
                ring: Some(args.ring),
                shard: None,
            };
            let args = VerbCli {
                act: args.act,
                scope,
                wait: None,
            };
            (args, verb, None)
        }
        VerbsCli::Cancel(args) => (args, Verb::Cancel, None),
        VerbsCli::Throttle(args) => {
            let rows_per_s_max = args.rows_per_s;
            (args.verb, Verb::Throttle { rows_per_s_max }, None)
        }
    };
    give(args, verb, confirm).await
}

async fn give(args: VerbCli, verb: Verb, confirm: Option<String>) -> Answer {
    // Before anything is ordered: a mistyped time must not leave half of it.
    let patience = args.wait.as_deref().map(patience).transpose()?;
    let scope = args.scope.scope();
    let (fleet, wanted) = (args.act.fleet.clone(), verb.clone());
    let ordered = order::give(OrderArgs {
        given: given(args.act)?,
        scope: scope.clone(),
        verb,
        confirm,
    });
    let (text, exit) = ordered.await?;
    match patience {
        Some(patience) if exit == Exit::Done => {
            let come = wait::until_done(&fleet, &scope, &wanted, patience).await?;
            Ok((text + &come, Exit::Done))
        }
        _ => Ok((text, exit)),
    }
}

fn window(from: &str, until: &str) -> Result<Window, Ended> {
    let from = moment::next(from, now()).map_err(|e| bad("--from", from, &e))?;
    let until = moment::next(until, from).map_err(|e| bad("--until", until, &e))?;
    Ok(Window { from, until })
}

fn bad(flag: &str, text: &str, why: &str) -> Ended {
    Ended::new(Exit::BadInput, format!("{flag} {text}: {why}"))
}

/// How long somebody wants to wait.
///
/// # Errors
/// It is no time.
pub fn patience(text: &str) -> Result<Period, Ended> {
    let bad = |e| Ended::new(Exit::BadInput, format!("--wait {text}: {e}"));
    text.parse().map_err(bad)
}

/// Asks, answers, or does without.
///
/// # Errors
/// It was refused, or nobody could take it.
pub async fn approval(command: ApprovalsCli) -> Answer {
    match command {
        ApprovalsCli::Ask(args) => approve::ask(given(args.act)?, args.ring).await,
        ApprovalsCli::Approve(args) => {
            let show = match args.show {
                true => approve::Show::Only,
                false => approve::Show::AndApprove,
            };
            let signer = args.sign.map(|path| Signer::new(path, Asks::OnTheTerminal));
            let RequestCli { id, act } = args.request;
            approve::approve(given(act)?, id, show, signer).await
        }
        ApprovalsCli::Reject(RequestCli { id, act }) => {
            approve::end(given(act)?, ApprovalAct::Reject { id }).await
        }
        ApprovalsCli::Withdraw(RequestCli { id, act }) => {
            approve::end(given(act)?, ApprovalAct::Withdraw { id }).await
        }
        ApprovalsCli::BreakGlass(args) => {
            approve::break_glass(given(args.act)?, &args.lasting, args.confirm).await
        }
        ApprovalsCli::Review(args) => approve::review(given(args.act)?).await,
    }
}
