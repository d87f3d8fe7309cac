//! An address that leads to a transaction pooler is found out and refused.

use crate::bench::{database, endpoint, open, read, spec};
use crate::contract_cases::host::Host;
use crate::contract_cases::route;
use crate::support::require_postgres;
use pilothouse::shard::Shard;
use pilothouse::worker::{Check, CheckVerdict, Op, Reply};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// The one backend that all clients share, and how it greeted the first.
#[derive(Default)]
struct Backend {
    stream: Option<TcpStream>,
    greeting: Vec<u8>,
}

/// One message with its head. A startup message has no type byte.
async fn message(from: &mut TcpStream, has_type: bool) -> Option<Vec<u8>> {
    let head = if has_type { 5 } else { 4 };
    let mut bytes = vec![0; head];
    from.read_exact(&mut bytes).await.ok()?;
    let length = u32::from_be_bytes(bytes[head - 4..].try_into().unwrap()) as usize;
    let mut body = vec![0; length - 4];
    from.read_exact(&mut body).await.ok()?;
    bytes.extend(body);
    Some(bytes)
}

/// Everything up to the server's "ready", and its transaction status.
async fn answer(from: &mut TcpStream) -> Option<(Vec<u8>, u8)> {
    let mut all = Vec::new();
    loop {
        let next = message(from, true).await?;
        all.extend_from_slice(&next);
        if next[0] == b'Z' {
            return Some((all, next[5]));
        }
    }
}

/// Hands the backend to one client for the length of each transaction.
async fn serve(mut client: TcpStream, backend: Arc<Mutex<Backend>>, server: u16) -> Option<()> {
    let startup = message(&mut client, false).await?;
    {
        let mut held = backend.lock().await;
        if held.stream.is_none() {
            let mut stream = TcpStream::connect(("127.0.0.1", server)).await.ok()?;
            stream.write_all(&startup).await.ok()?;
            held.greeting = answer(&mut stream).await?.0;
            held.stream = Some(stream);
        }
        client.write_all(&held.greeting).await.ok()?;
    }
    loop {
        let mut next = message(&mut client, true).await?;
        let mut held = backend.lock().await;
        loop {
            if next[0] == b'X' {
                return None;
            }
            let stream = held.stream.as_mut()?;
            stream.write_all(&next).await.ok()?;
            if matches!(next[0], b'Q' | b'S') {
                let (bytes, status) = answer(stream).await?;
                client.write_all(&bytes).await.ok()?;
                if status == b'I' {
                    break;
                }
            }
            next = message(&mut client, true).await?;
        }
    }
}

async fn pooler(server: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let backend = Arc::new(Mutex::new(Backend::default()));
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, Arc::clone(&backend), server));
        }
    });
    port
}

async fn direct_session(port: u16, database: &str) -> Check {
    let migration = "[[operation]]\n[operation.add_column]\ntable = \"t\"\n\
        column = { name = \"new\", type = \"text\" }\nup = \"old\"\ndown = { old = \"new\" }\n";
    let spec = spec(vec![endpoint(port, database)], Vec::new());
    let shard = Arc::new(open(&spec, &read(migration)).await.unwrap());
    let mut host = Host::new(shard as Arc<dyn Shard>, &route(), "r-1");
    match host.ask(Op::Check("preflight".into())).await {
        Reply::Checked(checks) => {
            let found = checks.into_iter();
            found
                .into_iter()
                .find(|c| c.name == "preflight/direct_session")
                .unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_behind_a_transaction_pooler_is_found_out() {
    if !require_postgres() {
        return;
    }
    let table = "CREATE TABLE t (id bigint PRIMARY KEY, old text)";
    let (_lab, port, database) = database(table).await;
    let good = direct_session(port, &database).await;
    assert_eq!(good.verdict, CheckVerdict::Pass, "{good:?}");
    let pooled = direct_session(pooler(port).await, &database).await;
    assert_eq!(pooled.verdict, CheckVerdict::Fail);
    assert_eq!(pooled.value, "two sessions share one backend");
    assert!(pooled.remedy.contains("not the pooler's"), "{pooled:?}");
}
