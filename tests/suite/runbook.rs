//! The runbook opens where it is needed, is read to its end, and is never in
//! the way: not of an approval, not of a way back, not of a terminal.

use crate::daemon::Daemon;
use crate::documents::scratch;
use crate::hands::{key_later, keys, on_ring, tap};
use crate::orders::{pilothouse, run_to};
use crate::scene::{Steps, options, press, ring, screen, shard, show, troubled};
use crate::shown::on_call;
use crate::sights::{RUNBOOK, watched};
use pilothouse::api::client::{Client as _, Told};
use pilothouse::api::http::{Access, HttpClient};
use pilothouse::base::{Stop, Timestamp};
use pilothouse::cockpit::plain::Talk;
use pilothouse::cockpit::{Effect, Model, Msg, Screen, update};
use pilothouse::migration;
use pilothouse::rollout::{Event, Scope};
use pilothouse::wire::{Look, Runbook, ServerMessage, Sight, Situation, Stream, Voice, diff};
use proptest::prelude::*;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::Size;
use std::path::Path;

fn heading(runbook: &Runbook, situation: &Situation) -> Option<String> {
    let place = runbook.find(situation)?;
    let block = &runbook.blocks()[place];
    assert_eq!(block.voice, Voice::Heading);
    Some(block.text.clone())
}

fn of_shard(scene: &crate::scene::Scene, name: &str) -> Situation {
    let view = scene.view();
    Situation::of(&view, None, Some(&shard(name)))
}

#[test]
fn every_situation_opens_at_its_heading() {
    let book = Runbook::read(RUNBOOK);
    let mut night = on_call();
    let at = |scene: &crate::scene::Scene, name| heading(&book, &of_shard(scene, name)).unwrap();
    // A failure at its code, else at failures.
    assert_eq!(at(&night, "eu-06"), "Failed 55P03: somebody holds a lock");
    assert_eq!(at(&night, "eu-05"), "Throttled");
    assert_eq!(at(&night, "us-01"), "Paused");
    assert_eq!(at(&night, "us-07"), "Unreachable");
    assert_eq!(at(&night, "eu-07"), "Backfill", "nothing is wrong there");
    let view = night.view();
    let of_ring = |name| heading(&book, &Situation::of(&view, Some(&ring(name)), None));
    assert_eq!(of_ring("canary").unwrap(), "Held");
    assert_eq!(
        of_ring("early").unwrap(),
        "Failed 55P03: somebody holds a lock"
    );
    assert_eq!(of_ring("broad").unwrap(), "Paused");

    let mut other = on_call();
    let fault = pilothouse::base::Fault {
        code: "PH012".into(),
        what: "wrong rows".into(),
        place: "eu-07".into(),
        why: None,
        did: "stopped".into(),
        can: "look".into(),
    };
    other.by(
        "engine",
        Scope::Shard(shard("eu-07")),
        Event::ShardFailed { fault },
        "",
    );
    assert_eq!(at(&other, "eu-07"), "Failed");
    let shards = vec![shard("us-01")];
    night.by(
        "lee",
        Scope::Shard(shard("us-01")),
        Event::RollbackBegun {
            to: Stop::Snapshot,
            shards,
        },
        "",
    );
    // It names no "rolling back": the other words for it are tried.
    let rolling = Runbook::read("## Expand\n\n## Roll back\n");
    assert_eq!(
        heading(&rolling, &of_shard(&night, "us-01")).unwrap(),
        "Roll back"
    );

    let done = crate::scene::finished();
    assert_eq!(at(&done, "eu-01"), "Contract");
    let fleet = Situation::of(&done.view(), None, None);
    assert_eq!(heading(&book, &fleet).unwrap(), "Contract");
}

#[test]
fn headings_may_be_spelled_as_people_do() {
    let night = troubled();
    for (text, found) in [
        ("# HOLD\n", Some("HOLD")),
        (
            "###### `held`: ask first ######\n",
            Some("`held`: ask first"),
        ),
        ("## Holdings\n## Shift-10\n", None),
        ("## shift\n", Some("shift")),
        ("## shift:10\n## shift\n", Some("shift:10")),
        ("```\n# held\n```\n## shift\n", Some("shift")),
        ("#held\n", None),
        ("held\n", None),
    ] {
        let view = night.view();
        let situation = Situation::of(&view, Some(&ring("canary")), None);
        let book = Runbook::read(text);
        assert_eq!(heading(&book, &situation).as_deref(), found, "{text}");
    }
}

fn on_call_model() -> Model {
    watched(&on_call())
}

fn resized(model: &mut Model, wide: u16, high: u16) {
    update(model, Msg::Resized(Size::new(wide, high)));
}

#[test]
fn it_stands_beside_the_screen_and_follows_the_focus() {
    let mut model = on_call_model();
    resized(&mut model, 120, 40);
    assert_eq!(keys(&mut model, "r"), []);
    let text = screen(&model, 120, 40);
    // eu-05 is in focus, and the fleet is still there.
    assert!(text.contains("Nothing to do for two minutes."), "{text}");
    assert!(text.contains("eu-07") && text.contains("broad"), "{text}");
    keys(&mut model, "j");
    let text = screen(&model, 120, 40);
    assert!(
        text.contains("Failed 55P03: somebody holds a lock"),
        "{text}"
    );
    // A command goes on below; nothing of it is cut off.
    let panel = text
        .lines()
        .map(|line| line.chars().skip(72).collect::<String>());
    let panel: String = panel.map(|line| line.replace(['│', ' '], "")).collect();
    assert!(panel.contains("pg_terminate_backend(PID)\""), "{text}");
    assert_eq!(model.shard, Some(shard("eu-06")), "j moved the focus");
    // An act goes over what is in focus.
    keys(&mut model, "R");
    assert!(screen(&model, 120, 40).contains("Retry shard eu-06?"));
    key_later(&mut model, press(KeyCode::Esc));
    assert!(model.panel.is_open(), "the question is closed first");
    key_later(&mut model, press(KeyCode::Esc));
    assert!(!model.panel.is_open(), "one level back closes it");
    assert_eq!(model.shown.screen, Screen::Fleet);
}

#[test]
fn on_a_small_terminal_it_is_a_screen_that_is_read_to_its_end() {
    let mut model = on_call_model();
    resized(&mut model, 80, 24);
    keys(&mut model, "r");
    let focus = model.shard.clone();
    let mut read = String::new();
    keys(&mut model, "g");
    for _ in 0..80 {
        read.push_str(&screen(&model, 80, 24));
        keys(&mut model, "j");
    }
    assert_eq!(model.shard, focus, "the fleet below stands still");
    let seen: Vec<&str> = read.split_whitespace().collect();
    for word in RUNBOOK
        .split_whitespace()
        .filter(|w| !matches!(*w, "##" | "#" | "```"))
    {
        assert!(seen.contains(&word), "{word} was never on the screen");
    }
    // Beyond the end there is nothing, and the way back is as long.
    let end = screen(&model, 80, 24);
    keys(&mut model, "jjj");
    assert_eq!(screen(&model, 80, 24), end);
    keys(&mut model, "kj");
    assert_eq!(screen(&model, 80, 24), end);
    let first = screen(&model, 80, 24).lines().next().unwrap().to_owned();
    assert!(first.contains("LIVE"), "{first}");
    keys(&mut model, "q");
    assert!(
        !model.panel.is_open() && model.layer.is_none(),
        "q closes it first"
    );
}

#[test]
fn what_needs_somebody_leads_to_the_runbook_and_says_whom_to_call() {
    let mut model = on_call_model();
    keys(&mut model, "n");
    let text = screen(&model, 120, 40);
    assert!(
        text.contains("call: team shop-db, pager 4711, then: head of platform"),
        "{text}"
    );
    keys(&mut model, "r");
    assert!(model.panel.is_open() && model.layer.is_none());
    assert!(
        screen(&model, 120, 40).contains("Failed 55P03"),
        "the first is the failed shard"
    );
    let mut model = on_call_model();
    assert!(
        screen(&model, 120, 40).contains("call: team shop-db"),
        "beside the list"
    );
    keys(&mut model, "j2");
    let text = screen(&model, 80, 24);
    let call = |line: &str| line.starts_with(" Call ") && line.contains("team shop-db, pager 4711");
    assert!(text.lines().any(call), "{text}");
    // Where nothing is wrong nobody is to be woken.
    tap(&mut model, KeyCode::Tab);
    assert_eq!(model.shard, Some(shard("eu-07")));
    assert!(!screen(&model, 80, 24).contains("pager 4711"));
}

#[test]
fn it_travels_once_and_again_after_a_new_snapshot() {
    let scene = on_call();
    let mut model = scene.model();
    assert_eq!(keys(&mut model, "r"), [Effect::Look(Look::Runbook)]);
    assert!(screen(&model, 120, 40).contains("Waiting for the runbook."));
    let now = model.now;
    let sight = |text: Option<&str>| {
        let sight = Sight::Runbook(text.map(str::to_owned));
        Msg::Server(Box::new(ServerMessage::Sight(sight)), now)
    };
    update(&mut model, sight(Some(RUNBOOK)));
    let later = Timestamp(model.now.0 + 5_000);
    let heartbeat = ServerMessage::Stream(Stream::Heartbeat { seq: 1, at: later });
    update(&mut model, Msg::Server(Box::new(heartbeat), later));
    let asks = |effects: &[Effect]| effects.contains(&Effect::Look(Look::Runbook));
    let effects = update(&mut model, Msg::Tick(later));
    assert!(!asks(&effects), "it is known");
    // A difference never carries it.
    let delta = serde_json::to_string(&diff(&Default::default(), &scene.view())).unwrap();
    assert!(!delta.contains("Runbook: split-contact") && delta.contains("pager 4711"));
    // Another engine may have read another one.
    show(&mut model, 1, &scene);
    let effects = update(&mut model, Msg::Tick(Timestamp(later.0 + 2_000)));
    assert!(asks(&effects), "{effects:?}");
    update(&mut model, sight(None));
    assert!(screen(&model, 120, 40).contains("names no runbook"));
}

#[test]
fn a_screen_reader_is_told_the_section() {
    let scene = on_call();
    let mut talk = Talk::new(options(), scene.now);
    let say = |talk: &mut Talk, message: ServerMessage| {
        drop(talk.hear(Msg::Server(Box::new(message), scene.now)));
    };
    let snapshot = Stream::Snapshot {
        seq: 1,
        at: scene.now,
        view: Box::new(scene.view()),
    };
    say(&mut talk, ServerMessage::Stream(snapshot));
    let whole = talk.take_lines().join("\n");
    assert!(whole.contains("In doubt, call: team shop-db"), "{whole}");
    talk.line("shard eu-06", scene.now);
    talk.take_lines();
    let effects = talk.line("runbook", scene.now);
    assert_eq!(effects, [Effect::Look(Look::Runbook)]);
    say(
        &mut talk,
        ServerMessage::Sight(Sight::Runbook(Some(RUNBOOK.into()))),
    );
    let lines = talk.take_lines();
    assert_eq!(lines[0], "Failed 55P03: somebody holds a lock");
    assert!(
        lines.iter().any(|l| l.contains("Then `R` on the shard.")),
        "{lines:?}"
    );
    assert!(
        !lines
            .iter()
            .any(|l| l.contains("Read what the shard's page")),
        "one section"
    );
}

proptest! {
    #[test]
    fn no_runbook_drives_the_terminal_or_panics(
        text in "[#\\-*`~ a-z0-9.\\n\\t\u{1b}\u{9b}\u{202e}äあ]{0,400}",
        wide in 40_u16..200,
        moves in "[jkGg\\[\\]]{0,12}",
    ) {
        let mut model = on_call().model();
        resized(&mut model, wide, 24);
        keys(&mut model, "r");
        let sight = ServerMessage::Sight(Sight::Runbook(Some(text)));
        let now = model.now;
        update(&mut model, Msg::Server(Box::new(sight), now));
        keys(&mut model, &moves);
        let shown = screen(&model, wide, 24);
        let active = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        prop_assert!(!shown.contains(active), "{:?}", shown);
    }
}

const CHANGE: &str = "name = \"balance-cents\"\nowner = \"ana\"\nrunbook = \"runbook.md\"\n\
    [[operation]]\n[operation.add_column]\ntable = \"t\"\n\
    column = { name = \"c\", type = \"bigint\" }\nup = \"b * 100\"\n";

fn load(folder: &Path, text: &str) -> Result<migration::LoadedMigration, String> {
    let path = folder.join("change.toml");
    std::fs::write(&path, text).unwrap();
    migration::load(&path).map_err(|told| told.to_string())
}

#[test]
fn a_runbook_that_cannot_be_used_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let runbook = folder.join("runbook.md");
    let refused = |why: &str| {
        let told = load(folder, CHANGE).unwrap_err();
        assert!(told.contains(why), "{told}");
        assert!(
            told.contains("change.toml:3:11") && told.contains("key: runbook"),
            "{told}"
        );
        assert!(told.contains("help: "), "{told}");
    };
    refused("cannot be read: No such file");
    std::fs::create_dir(&runbook).unwrap();
    refused("is not a file");
    std::fs::remove_dir(&runbook).unwrap();
    std::fs::write(&runbook, [b'#', 0xff, 0xfe]).unwrap();
    refused("is not UTF-8 text");
    std::fs::write(&runbook, "x".repeat(64 * 1024 + 1)).unwrap();
    refused("has more than 64 KiB");
    std::fs::write(&runbook, "x".repeat(64 * 1024)).unwrap();
    assert_eq!(
        load(folder, CHANGE).unwrap().runbook.unwrap().len(),
        64 * 1024
    );
}

#[test]
fn whom_to_call_is_no_part_of_what_is_approved() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("runbook.md"), "# a\n").unwrap();
    std::fs::write(folder.path().join("other.md"), "# b\n").unwrap();
    let with = load(folder.path(), CHANGE).unwrap();
    let other = CHANGE
        .replace("ana", "lee")
        .replace("runbook.md", "other.md");
    let other = load(folder.path(), &other).unwrap();
    let bare = CHANGE.replace("owner = \"ana\"\nrunbook = \"runbook.md\"\n", "");
    let bare = load(folder.path(), &bare).unwrap();
    assert_ne!(with.contacts, other.contacts);
    assert_ne!(with.runbook, other.runbook);
    for one in [other, bare] {
        assert_eq!(one.migration.plan_digest(), with.migration.plan_digest());
    }
    let more = CHANGE.replace("name = \"balance-cents\"", "name = \"balance-cent\"");
    let more = load(folder.path(), &more).unwrap();
    assert_ne!(more.migration.plan_digest(), with.migration.plan_digest());
}

/// What a daemon tells somebody who looks.
async fn looked(daemon: &Daemon, look: Look) -> Sight {
    let mut client = HttpClient::attach(Access {
        address: daemon.address(),
        session: "somebody".into(),
        token: None,
        tls: None,
    });
    client.look(look);
    let sight = async {
        loop {
            if let Some(Told::Message(message)) = client.next().await
                && let ServerMessage::Sight(sight) = *message
            {
                return sight;
            }
        }
    };
    let deadline = std::time::Duration::from_secs(60);
    tokio::time::timeout(deadline, sight).await.unwrap()
}

#[tokio::test]
async fn a_way_back_needs_no_runbook_and_a_daemon_shows_the_kept_one() {
    let folder = scratch().await;
    let path = folder.path().to_owned();
    let change = std::fs::read_to_string(path.join("change.toml")).unwrap();
    let with = change.replacen('\n', "\nowner = \"ana\"\nrunbook = \"runbook.md\"\n", 1);
    std::fs::write(path.join("change.toml"), with).unwrap();
    std::fs::write(path.join("runbook.md"), "# Backfill\n\nold words\n").unwrap();
    run_to(&path, "snapshot");
    // It is mended while the rollout is open: the same plan, the newest words.
    std::fs::write(path.join("runbook.md"), "# Backfill\n\nnew words\n").unwrap();
    run_to(&path, "verify");
    std::fs::remove_file(path.join("runbook.md")).unwrap();
    let status = pilothouse(&path, &["status", "--json"]).output().unwrap();
    let view: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(view["header"]["contacts"]["owner"], "ana");
    let mut daemon = Daemon::in_folder(folder);
    daemon.serve(&[]);
    let seen = looked(&daemon, Look::Runbook).await;
    assert_eq!(
        seen,
        Sight::Runbook(Some("# Backfill\n\nnew words\n".into()))
    );
    let seen = looked(
        &daemon,
        Look::Handover(pilothouse::base::Period::from_ms(3_600_000)),
    )
    .await;
    let Sight::Handover(shift) = seen else {
        panic!("{seen:?}")
    };
    assert_eq!(shift.lines.len(), 10);
    assert!(
        shift.lines[6].text.contains("canary preflight to verify"),
        "{shift:?}"
    );
    daemon.kill();
    let kept = || {
        let store = std::fs::read_dir(path.join(".pilothouse")).unwrap();
        let names = store.map(|e| e.unwrap().file_name().into_string().unwrap());
        names
            .filter(|n| n.ends_with(".runbook.md"))
            .collect::<Vec<_>>()
    };
    let [name] = &kept()[..] else {
        panic!("{:?}", kept())
    };
    std::fs::remove_file(path.join(".pilothouse").join(name)).unwrap();
    let back = pilothouse(&path, &["abort", "--confirm", "balance-cents"])
        .output()
        .unwrap();
    assert!(back.status.success(), "{back:?}");
}

#[test]
fn the_detail_of_a_ring_leads_there_too() {
    let mut model = on_call_model();
    on_ring(&mut model, "canary");
    tap(&mut model, KeyCode::Enter);
    assert!(
        screen(&model, 120, 40).contains("Then call"),
        "whom to wake"
    );
    keys(&mut model, "r");
    assert!(model.panel.is_open());
    assert!(screen(&model, 120, 40).contains("Whoever holds it is named"));
    key_later(&mut model, press(KeyCode::Esc));
    assert!(!model.panel.is_open());
}
