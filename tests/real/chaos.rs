//! What the chaos tests share: a small fleet with files of its own, engines
//! as child processes, and the oracles.
#![cfg_attr(
    not(feature = "broken"),
    allow(
        dead_code,
        unused_imports,
        reason = "some of it is for engines that can be broken"
    )
)]

use pilothouse::engine::replay;
use pilothouse::lab::{Fill, Lab, LabSpec, ServerAddress};
use pilothouse::rollout::{Event, Fact, Scope, State};
use pilothouse::store::Store;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

pub use crate::chaos_oracle::{Sampler, look_at, settled_violations};

/// How often a condition is looked at.
pub const LOOK: Duration = Duration::from_millis(50);

/// A lab with this many accounts per shard.
pub async fn lab_of(shards: u32, standbys: u32, rows: u32) -> Lab {
    let spec = LabSpec::scratch()
        .shards(shards)
        .standbys(standbys)
        .fill(Fill::Rows(rows));
    Lab::start(spec).await.unwrap()
}

/// What a fleet and its migration look like.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Rings in order, each with its shards.
    pub rings: Vec<(&'static str, Vec<&'static str>)>,
    /// Soak of both kinds.
    pub soak: &'static str,
    /// Shift steps.
    pub steps: &'static str,
    /// Further lines of `[policy]`.
    pub policy: &'static str,
    /// Lines of `[throttle]`.
    pub throttle: &'static str,
    /// Lines of `[chunks]`.
    pub chunks: &'static str,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            rings: vec![("all", vec!["s01"])],
            soak: "0s",
            steps: "100",
            policy: "",
            throttle: "poll = \"100ms\"\nstale_after = \"3s\"\nreplica_lag = \"off\"",
            chunks: "target = \"50ms\"\nrows_start = 100\nrows_min = 10\nrows_max = 100\nranges = 2",
        }
    }
}

/// The files of one rollout: fleet, migration, store, flags.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where they are.
    pub home: PathBuf,
    /// Removed with the last copy of this value, unless the test has failed.
    _directory: Arc<Removed>,
}

#[derive(Debug)]
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

impl Site {
    /// Writes the files, beside the lab's directory.
    pub fn new(lab: &Lab, name: &str, recipe: &Recipe) -> Self {
        let base = lab.directory().file_name().unwrap().to_str().unwrap();
        let home = std::env::temp_dir().join(format!("{base}-site-{name}"));
        std::fs::create_dir_all(home.join("flags")).unwrap();
        let mut text = format!(
            "name = \"chaos\"\nstore = \"store\"\n[environment]\nname = \"lab\"\nproduction = false\n\
             [policy]\nafter = \"verify\"\nsoak = \"{soak}\"\nquiet = \"0s\"\n{policy}\n\
             [policy.shift]\nsteps = [{steps}]\nsoak = \"{soak}\"\n\
             [throttle]\n{throttle}\n[flags]\ndirectory = \"flags\"\n",
            soak = recipe.soak,
            policy = recipe.policy,
            steps = recipe.steps,
            throttle = recipe.throttle,
        );
        for (ring, _) in &recipe.rings {
            text.push_str(&format!("[[ring]]\nname = \"{ring}\"\n"));
        }
        for (ring, shards) in &recipe.rings {
            for shard in shards {
                let urls: Vec<String> = lab
                    .candidates(shard)
                    .unwrap()
                    .iter()
                    .map(|a| format!("\"{}\"", a.url("migrator")))
                    .collect();
                text.push_str(&format!(
                    "[[shard]]\nname = \"{shard}\"\nring = \"{ring}\"\ninstance = \"{shard}\"\n\
                     candidates = [{}]\nreplicas = [{}]\nddl_role = \"owner\"\n",
                    urls.join(", "),
                    urls[1..].join(", "),
                ));
            }
        }
        std::fs::write(home.join("fleet.toml"), text).unwrap();
        let migration = format!(
            "name = \"balance-cents\"\n[chunks]\n{}\n[[operation]]\n[operation.add_column]\n\
             table = \"pgbench_accounts\"\n\
             column = {{ name = \"abalance_cents\", type = \"bigint\", nullable = false }}\n\
             up = \"abalance::bigint * 100\"\ndown = {{ abalance = \"(abalance_cents / 100)::int\" }}\n\
             [[invariant]]\nname = \"sums agree\"\n\
             sql = \"select sum(abalance_cents) = sum(abalance::bigint) * 100 from pgbench_accounts\"\n",
            recipe.chunks
        );
        std::fs::write(home.join("migration.toml"), migration).unwrap();
        let _directory = Arc::new(Removed(home.clone()));
        Self { home, _directory }
    }

    /// The fleet file.
    pub fn fleet(&self) -> PathBuf {
        self.home.join("fleet.toml")
    }

    /// The flags.
    pub fn flags(&self) -> PathBuf {
        self.home.join("flags")
    }

    /// The state directory.
    pub fn store(&self) -> PathBuf {
        self.home.join("store")
    }

    /// Names of all points that engines of this site have passed.
    pub fn points(&self) -> std::collections::BTreeMap<String, u64> {
        let text = std::fs::read_to_string(self.home.join("points")).unwrap_or_default();
        let mut points = std::collections::BTreeMap::new();
        for line in text.lines() {
            *points.entry(line.to_owned()).or_insert(0) += 1;
        }
        points
    }

    /// `run --headless --promote auto` with further arguments.
    pub fn run(&self, more: &[&str]) -> Engine {
        self.run_with(more, &[])
    }

    /// The same with further environment.
    pub fn run_with(&self, more: &[&str], env: &[(&str, String)]) -> Engine {
        let fleet = self.fleet();
        let migration = self.home.join("migration.toml");
        let mut args = vec![
            "run",
            "--fleet",
            fleet.to_str().unwrap(),
            "--migration",
            migration.to_str().unwrap(),
            "--headless",
            "--promote",
            "auto",
        ];
        args.extend(more);
        self.start(&args, env)
    }

    /// Any command of the program.
    pub fn start(&self, args: &[&str], env: &[(&str, String)]) -> Engine {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let out = self.home.join(format!("out-{number}"));
        let log = self.home.join(format!("log-{number}"));
        let child = Command::new(env!("CARGO_BIN_EXE_pilothouse"))
            .args(args)
            .env("PILOTHOUSE_POINTS", self.home.join("points"))
            .envs(env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Engine { child, out, log }
    }

    /// Runs a command to its end.
    pub async fn command(&self, verb: &[&str], more: &[&str]) -> (i32, String) {
        let fleet = self.fleet();
        let mut args = verb.to_vec();
        args.extend(["--fleet", fleet.to_str().unwrap()]);
        args.extend(more);
        let mut engine = self.start(&args, &[]);
        let code = engine.wait(Duration::from_secs(60)).await;
        (code, format!("{}{}", engine.stdout(), engine.stderr()))
    }

    /// `journal verify` of the store.
    pub async fn verify_journal(&self) -> i32 {
        let store = self.store();
        let mut engine = self.start(&["journal", "verify", store.to_str().unwrap()], &[]);
        engine.wait(Duration::from_secs(30)).await
    }

    /// The journal, folded; empty before there is one.
    pub async fn journal(&self) -> (State, Vec<(u64, Fact)>) {
        let Ok(reader) = Store::open_read_only(&self.store()).await else {
            return Default::default();
        };
        let Ok(entries) = reader.entries(1).await else {
            return Default::default();
        };
        replay(&entries).unwrap()
    }

    /// Facts of one kind on one shard.
    pub async fn facts_on(&self, shard: &str, kind: &str) -> Vec<Fact> {
        let (_, facts) = self.journal().await;
        let on = |fact: &Fact| matches!(&fact.scope, Scope::Shard(name) if name.as_str() == shard);
        let of_kind = facts.into_iter().map(|(_, fact)| fact);
        of_kind
            .filter(|fact| fact.event.kind() == kind && on(fact))
            .collect()
    }

    /// Stops that a shard has finished or undone, in the journal's order.
    pub async fn decisions(&self, shard: &str) -> Vec<String> {
        let (_, facts) = self.journal().await;
        let mut out = Vec::new();
        for (_, fact) in facts {
            if !matches!(&fact.scope, Scope::Shard(name) if name.as_str() == shard) {
                continue;
            }
            match fact.event {
                Event::StageDone { stop, .. } => out.push(format!("done {stop}")),
                Event::StageUndone { stop, .. } => out.push(format!("undone {stop}")),
                Event::ShardFailed { fault } => out.push(format!("failed {}", fault.code)),
                Event::ShardRegressed { found, .. } => out.push(format!("regressed {found}")),
                _ => {}
            }
        }
        out
    }
}

/// One process of the program.
pub struct Engine {
    child: Child,
    out: PathBuf,
    log: PathBuf,
}

impl Engine {
    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        // It may have ended by itself meanwhile.
        let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
    }

    /// SIGKILL; `false` if it had ended before.
    pub fn kill(&mut self) -> bool {
        let running = self.child.try_wait().unwrap().is_none();
        if running {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
        running
    }

    /// Its exit code, if it has ended; -9 stands for a SIGKILL.
    pub fn ended(&mut self) -> Option<i32> {
        let status = self.child.try_wait().unwrap()?;
        Some(status.code().unwrap_or(-9))
    }

    /// Waits for its end.
    pub async fn wait(&mut self, limit: Duration) -> i32 {
        let began = Instant::now();
        loop {
            if let Some(code) = self.ended() {
                return code;
            }
            if began.elapsed() > limit {
                self.kill();
                panic!("not at its end after {limit:?}:\n{}", self.stderr());
            }
            // Looks again at the condition above.
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it said for people.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it said for programs.
    pub fn stdout(&self) -> String {
        std::fs::read_to_string(&self.out).unwrap_or_default()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A test that fails must not leave an engine behind.
        self.signal(Signal::CONT);
        self.kill();
    }
}

/// Waits until `look` gives something, or panics with `what`.
pub async fn until<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < limit, "{what}: not within {limit:?}");
        // A server does not tell when it has changed: it is asked again.
        sleep(LOOK).await;
    }
}

/// A connection to whichever candidate is primary now.
pub async fn primary_of(candidates: &[ServerAddress]) -> Option<PgConnection> {
    for address in candidates {
        let attempt = async {
            let options = address.options("postgres", "chaos-test");
            let mut session = options.connect().await.ok()?;
            let standby: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()")
                .fetch_one(&mut session)
                .await
                .ok()?;
            (!standby).then_some(session)
        };
        if let Ok(Some(session)) = timeout(Duration::from_secs(2), attempt).await {
            return Some(session);
        }
    }
    None
}

/// One number of a shard's present primary.
pub async fn number(lab: &Lab, shard: &str, sql: &'static str) -> i64 {
    try_number(lab, shard, sql).await.unwrap()
}

/// The same; `None` if it cannot be had now.
pub async fn try_number(lab: &Lab, shard: &str, sql: &'static str) -> Option<i64> {
    let mut session = primary_of(&lab.candidates(shard).unwrap()).await?;
    let asked = sqlx::query_scalar(sql)
        .persistent(false)
        .fetch_one(&mut session);
    timeout(Duration::from_secs(5), asked).await.ok()?.ok()
}

/// Runs statements as the superuser.
pub async fn execute(lab: &Lab, server: &str, sql: &'static str) {
    let mut session = lab.connect(server, "postgres").await.unwrap();
    sqlx::raw_sql(sql).execute(&mut session).await.unwrap();
    session.close().await.unwrap();
}

/// A session on the server of `s01`, in another database.
pub async fn maintenance(lab: &Lab) -> PgConnection {
    let mut address = lab.address("s01").unwrap();
    address.database = "postgres".into();
    let options = address.options("postgres", "chaos-test");
    options.connect().await.unwrap()
}

/// Sets the database of `s01` aside, to be brought back by [`reset`].
pub async fn keep_seed(lab: &Lab) {
    let statement = "CREATE DATABASE shop_seed TEMPLATE shop";
    let mut server = maintenance(lab).await;
    // A session that has just ended may still be seen as connected.
    until("the seed", Duration::from_secs(20), async || {
        sqlx::raw_sql(statement).execute(&mut server).await.ok()
    })
    .await;
}

/// The database of `s01` anew from the seed that was set aside.
pub async fn reset(lab: &Lab) {
    let mut server = maintenance(lab).await;
    for statement in [
        "DROP DATABASE IF EXISTS shop WITH (FORCE)",
        "CREATE DATABASE shop TEMPLATE shop_seed OWNER owner",
    ] {
        sqlx::raw_sql(statement).execute(&mut server).await.unwrap();
    }
}

/// Rows done by the backfill of a shard so far.
pub const FILLED_ROWS: &str =
    "SELECT coalesce(sum(rows), 0)::bigint FROM pilothouse.checkpoint WHERE job LIKE 'fill/%'";

/// Waits until the backfill of a shard has filled at least so many rows.
pub async fn await_rows(lab: &Lab, shard: &str, rows: i64) {
    until(
        "rows in the backfill",
        Duration::from_secs(60),
        async || {
            let done = try_number(lab, shard, FILLED_ROWS).await?;
            (done >= rows).then_some(())
        },
    )
    .await;
}

/// A small seeded source of choices.
pub struct Dice(pub u64);

impl Dice {
    /// 0 to `end - 1`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}

/// The seed of a run: from the environment, or a fixed one.
pub fn seed(default: u64) -> u64 {
    let given = std::env::var("PILOTHOUSE_SEED").ok();
    given.and_then(|seed| seed.parse().ok()).unwrap_or(default)
}

/// Reads a log file of a server's directory, for messages.
pub fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
