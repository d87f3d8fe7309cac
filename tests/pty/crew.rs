//! Two people in two terminals on one daemon: one asks, the other approves; the
//! daemon dies and comes back under both.

use crate::terminal::Pty;
use pilothouse::base::SigningKey;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const SMALL: (u16, u16) = (80, 24);

const FLEET: &str = r#"
name = "shop"
[environment]
name = "test"
production = false
[policy]
soak = "0s"
[policy.approvals]
snapshot = 1
[throttle]
poll = "100ms"
[[ring]]
name = "canary"
[[shard]]
name = "s01"
ring = "canary"
candidates = ["sqlite:s01.db"]
"#;

const MIGRATION: &str = r#"
name = "balance-cents"
[[operation]]
[operation.add_column]
table = "account"
column = { name = "cents", type = "integer", nullable = true }
up = "balance * 100"
"#;

/// A daemon that does not outlive its test.
struct Daemon {
    folder: TempDir,
    child: Option<Child>,
}

impl Daemon {
    fn start() -> Self {
        Self::start_under("")
    }

    /// Under a policy with these lines too.
    fn start_under(policy: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fleet = FLEET.replace("[policy]\n", &format!("[policy]\n{policy}"));
        std::fs::write(folder.path().join("fleet.toml"), fleet).unwrap();
        std::fs::write(folder.path().join("change.toml"), MIGRATION).unwrap();
        let sql = "CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
            INSERT INTO account VALUES (1, 10), (2, 20)";
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(crate::foreign::run(
            &folder.path().join("s01.db"),
            sql.into(),
        ));
        let mut daemon = Self {
            folder,
            child: None,
        };
        let me = pilothouse::api::account::person().name;
        let roles = [
            "--role", "admin", "--role", "operator", "--role", "approver",
        ];
        daemon.say(&[&["operator", "add", &me][..], &roles].concat());
        daemon.say(&["operator", "add", "lee", "--role", "approver"]);
        let token = daemon.say(&["operator", "token", "lee"]);
        let path = daemon.token();
        std::fs::write(&path, token).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        daemon.serve(&["--migration", "change.toml"]);
        daemon
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
        command.args(words).args(["--fleet", "fleet.toml"]);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn say(&self, words: &[&str]) -> String {
        let ended = self.command(words).output().unwrap();
        assert!(ended.status.success(), "{words:?}: {ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    }

    fn serve(&mut self, more: &[&str]) {
        let words = [&["serve"][..], more].concat();
        let mut command = self.command(&words);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening at") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "it ended at once");
        }
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        self.child = Some(child);
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn token(&self) -> PathBuf {
        self.folder.path().join("lee.token")
    }

    /// A cockpit of this account, or of lee.
    fn cockpit(&self, more: &[&str]) -> Pty {
        let fleet = self.folder.path().join("fleet.toml");
        let fleet = fleet.to_str().unwrap();
        let args = [&["attach", "--fleet", fleet][..], more].concat();
        let pty = Pty::start(SMALL, &args);
        pty.wait_text("LIVE");
        pty
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn one_asks_the_other_approves_and_both_outlive_the_daemon() {
    let mut daemon = Daemon::start();
    let token = format!("file:{}", daemon.token().display());
    let mut one = daemon.cockpit(&[]);
    let mut lee = daemon.cockpit(&["--token", &token]);
    one.wait_text("2 attached");
    one.wait_text("held: approval");
    one.press_until("xq", "Ask for approval", |screen| {
        screen
            .contents()
            .contains("Ask for approval of canary to snapshot? y/N")
    });
    one.press_until("y", "the request", |screen| {
        screen
            .contents()
            .contains("ask for approval ring canary: accepted")
    });
    // Whoever asked cannot answer, and the other cannot promote.
    one.press_until("A", "a reason", |screen| {
        screen
            .contents()
            .contains("Cannot approve: you asked for it yourself")
    });
    lee.press_until("P", "a reason", |screen| {
        screen
            .contents()
            .contains("Cannot promote: you (lee) may not act")
    });
    lee.press_until("A", "the question", |screen| {
        screen.contents().contains("Approve canary to snapshot?")
    });
    lee.wait_text("asked");
    lee.press_until("A", "the answer", |screen| {
        screen.contents().contains("approve ring canary: accepted")
    });
    one.press_until("P", "the question", |screen| {
        screen.contents().contains("Promote canary to snapshot?")
    });
    one.wait_text("by lee");
    daemon.kill();
    one.wait_text("RECONNECTING");
    lee.wait_text("RECONNECTING");
    daemon.serve(&[]);
    one.wait_text("LIVE");
    lee.wait_text("2 attached");
    // The question was closed by the cut or stands again; it is asked anew.
    one.press_until("\u{1b}[27u\u{1b}[27uP", "the question", |screen| {
        screen.contents().contains("Promote canary to snapshot?")
    });
    one.press_until("P", "the promotion", |screen| {
        screen.contents().contains("promote ring canary: accepted")
    });
    lee.wait_text("promote to expand");
    // Leaving stops nothing, and says so.
    one.press("q");
    let left = one.left();
    assert_eq!(left.code, 0, "{}", left.text);
    assert!(left.text.contains("the daemon goes on"), "{}", left.text);
    lee.wait_for("to be alone", |screen| {
        !screen.contents().contains("attached")
    });
    lee.press("q");
    assert_eq!(lee.left().code, 0);
}

/// A key file, and its public half beside it.
fn key(daemon: &Daemon, name: &str, seed: u8) -> String {
    let key = SigningKey::from_seed(&[seed; 32]).unwrap();
    let path = daemon.folder.path().join(name);
    std::fs::write(&path, key.to_openssh().unwrap().reveal()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(path.with_extension("pub"), format!("{}\n", key.public())).unwrap();
    path.display().to_string()
}

/// The policy demands a signature; a cockpit without a key cannot give one,
/// and one with a key does by itself.
#[test]
fn an_approver_signs_from_the_cockpit() {
    let daemon = Daemon::start_under("signed = [\"snapshot\"]\n");
    let me = pilothouse::api::account::person().name;
    let (own, lees) = (key(&daemon, "own", 1), key(&daemon, "lees", 2));
    for (name, public) in [(me.as_str(), "own.pub"), ("lee", "lees.pub")] {
        let add = [
            "operator", "key", "add", name, "--key", public, "--sign", &own,
        ];
        daemon.say(&add);
    }
    let token = format!("file:{}", daemon.token().display());
    daemon.say(&["ask", "--ring", "canary"]);
    let approve = |lee: &mut Pty, answer: &str| {
        lee.press_until("A", "the question", |screen| {
            screen.contents().contains("Approve canary to snapshot?")
        });
        lee.wait_text("asked");
        lee.press_until("A", answer, |screen| screen.contents().contains(answer));
    };
    let mut bare = daemon.cockpit(&["--token", &token]);
    bare.wait_text("held: approval");
    approve(&mut bare, "must be signed");
    bare.press("Q");
    let mut lee = daemon.cockpit(&["--token", &token, "--sign", &lees]);
    lee.wait_text("held: approval");
    approve(&mut lee, "approve ring canary: accepted");
    daemon.say(&["promote", "--ring", "canary"]);
    lee.wait_text("promote to expand");
    lee.press("Q");
    let verified = Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .args(["journal", "verify", ".pilothouse"])
        .current_dir(daemon.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(
        said.contains("1 approvals used, each covered; 1 signed"),
        "{said}"
    );
}
