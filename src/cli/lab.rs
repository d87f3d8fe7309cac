//! `pilothouse lab up | down | keeper | writer`.

use crate::base::{ShardName, Untrusted};
use crate::lab::teardown::{self, Down};
use crate::lab::writer::{Forms, KeyClass, Writer, WriterSpec};
use crate::lab::{LabError, LabSpec, Layout, keeper};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// Done.
const DONE: i32 = 0;
/// Failed, or something stayed behind.
const FAILED: i32 = 1;
/// Bad input; nothing was touched.
const BAD_INPUT: i32 = 2;

/// Arguments of `lab up`.
#[derive(Clone, Debug)]
pub struct UpArgs {
    /// What the lab shall be.
    pub spec: LabSpec,
    /// The command that runs a keeper, without the directory, which is added.
    pub keeper: Vec<OsString>,
}

impl UpArgs {
    /// With this program's own `lab keeper`.
    pub fn new(spec: LabSpec) -> std::io::Result<Self> {
        let program = std::env::current_exe()?.into_os_string();
        Ok(Self {
            spec,
            keeper: vec![program, "lab".into(), "keeper".into()],
        })
    }
}

/// Arguments of the hidden `lab writer`.
#[derive(Clone, Debug)]
pub struct WriterArgs {
    /// The lab's fleet file.
    pub fleet: PathBuf,
    /// The shard.
    pub shard: ShardName,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// `auto`, `old` or `new`.
    pub forms: FormsArg,
    /// Statements per second.
    pub rate_per_s: u32,
    /// Accounts that were there before have the keys 1 to this number.
    pub keys: u32,
    /// The keys that this writer owns.
    pub class: KeyClass,
}

/// `--forms` of the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormsArg {
    /// As the fleet's flags say.
    Auto,
    /// The old form.
    Old,
    /// The new form.
    New,
}

/// Raises a lab under a keeper process and says how to go on.
pub async fn up(args: UpArgs) -> i32 {
    let directory = args.spec.directory.clone();
    eprintln!(
        "raising {} shard(s) with {} standby(s) each in {}",
        args.spec.shards,
        args.spec.standbys,
        directory.display()
    );
    match keeper::launch(args.spec, &args.keeper).await {
        Ok(layout) => {
            tell(&layout);
            DONE
        }
        Err(err) => refuse("the lab was not raised", &err),
    }
}

fn tell(layout: &Layout) {
    println!("fleet file: {}", layout.fleet_file().display());
    if let Ok(record) = layout.read_record() {
        for server in &record.servers {
            let role = match &server.follows {
                None => "primary".to_owned(),
                Some(source) => format!("standby of {source}"),
            };
            println!("{:<8} 127.0.0.1:{}  {role}", server.name, server.port);
        }
    }
    println!(
        "take it down with: pilothouse lab down {}",
        layout.root().display()
    );
}

fn refuse(what: &str, err: &LabError) -> i32 {
    eprintln!("{what}: {err}");
    match err {
        LabError::MissingBinaries { .. }
        | LabError::Spec(_)
        | LabError::NotEmpty(_)
        | LabError::AlreadyALab(_)
        | LabError::NotALab(_)
        | LabError::Unreachable { .. }
        | LabError::NoAccount => BAD_INPUT,
        _ => FAILED,
    }
}

/// Takes a lab down. Twice is fine.
pub async fn down(directory: &Path) -> i32 {
    match teardown::down(directory).await {
        Ok(Down::NothingThere) => {
            println!("{}: no lab there; nothing to do", directory.display());
            DONE
        }
        Ok(Down::Removed) => {
            println!(
                "{}: every server ended, every file of the lab removed",
                directory.display()
            );
            DONE
        }
        Ok(Down::Left(paths)) => {
            eprintln!(
                "{}: every server ended; these paths stayed:",
                directory.display()
            );
            for path in paths {
                eprintln!("  {}", Untrusted::new(path));
            }
            FAILED
        }
        Err(err) => refuse(
            "the lab was not taken down completely; run the same command again",
            &err,
        ),
    }
}

/// The hidden keeper process.
pub async fn keep(directory: &Path) -> i32 {
    match keeper::run(directory).await {
        Ok(()) => DONE,
        Err(err) => refuse("the keeper ended", &err),
    }
}

/// The hidden writer program; ends on SIGTERM or SIGINT.
pub async fn write(args: WriterArgs) -> i32 {
    match run_writer(args).await {
        Ok(true) => DONE,
        Ok(false) => FAILED,
        Err(err) => refuse("the writer ended", &err),
    }
}

async fn run_writer(args: WriterArgs) -> Result<bool, LabError> {
    let addresses = crate::lab::read_shard(&args.fleet, &args.shard)?;
    let on = |kind| {
        signal(kind).map_err(|source| LabError::Io {
            doing: "watch signals for",
            path: args.ledger.clone(),
            source,
        })
    };
    let (mut terminate, mut interrupt) =
        (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let mut writer = Writer::start(WriterSpec {
        forms: match args.forms {
            FormsArg::Auto => Forms::Auto(addresses.flags),
            FormsArg::Old => Forms::Old,
            FormsArg::New => Forms::New,
        },
        rate_per_s: args.rate_per_s,
        keys: args.keys,
        ..WriterSpec::new(
            args.shard,
            addresses.candidates,
            args.ledger.clone(),
            args.class,
        )
    })?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        // Ends by itself only when it failed; `stop` then tells why.
        _ = writer.wait(|_| false) => {}
    }
    let stats = writer.stats();
    let ledger = writer.stop().await?;
    eprintln!(
        "{} writes acknowledged ({} in the new form), {} reads, {} without a known outcome, {} impossible results",
        ledger.acknowledged(),
        stats.acknowledged_new,
        stats.reads,
        ledger.unknown(),
        ledger.contradictions().len()
    );
    Ok(ledger.contradictions().is_empty())
}
