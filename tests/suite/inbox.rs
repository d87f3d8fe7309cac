//! Orders to a running engine, and its view.

use crate::store::fresh;
use pilothouse::base::{Period, Timestamp};
use pilothouse::store::{Answered, Inbox, Published, StoreError};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

#[tokio::test]
async fn an_order_reaches_the_engine_once_and_its_answer_comes_back() {
    let (_outer, dir) = fresh();
    let engine = Inbox::open(&dir).await.unwrap();
    let operator = Inbox::open(&dir).await.unwrap();
    let id = operator.post("k1", "{\"pause\":1}", NOW).await.unwrap();
    let other = operator.post("k2", "{}", NOW).await.unwrap();
    assert_eq!(operator.post("k1", "{\"pause\":1}", NOW).await.unwrap(), id);

    let orders = engine.take_new(0).await.unwrap();
    assert_eq!(orders.iter().map(|o| o.id).collect::<Vec<_>>(), [id, other]);
    assert_eq!((orders[0].key.as_str(), orders[0].at), ("k1", NOW));
    assert_eq!(engine.take_new(id).await.unwrap(), orders[1..]);

    let wait = operator.await_answer(id, Period::from_ms(60_000));
    let (answer, answered) = tokio::join!(wait, engine.answer(id, "{\"ok\":1}"));
    assert_eq!(answer.unwrap().as_deref(), Some("{\"ok\":1}"));
    assert_eq!(answered.unwrap(), Answered::First);
    assert_eq!(
        engine.answer(id, "{\"ok\":2}").await.unwrap(),
        Answered::Before
    );
    assert_eq!(
        operator.answer_of(id).await.unwrap().as_deref(),
        Some("{\"ok\":1}")
    );
    // A restarted engine meets only what is unanswered.
    assert_eq!(engine.take_new(0).await.unwrap(), orders[1..]);
    assert_eq!(operator.post("k1", "{\"pause\":1}", NOW).await.unwrap(), id);
}

#[tokio::test]
async fn mistakes_are_refused() {
    let (_outer, dir) = fresh();
    let inbox = Inbox::open(&dir).await.unwrap();
    let id = inbox.post("k", "{\"a\":1}", NOW).await.unwrap();
    let error = inbox.post("k", "{\"a\":2}", NOW).await.unwrap_err();
    assert!(matches!(error, StoreError::KeyReused { .. }), "{error}");
    assert!(matches!(
        inbox.answer(id + 1, "{}").await.unwrap_err(),
        StoreError::NoOrder(_)
    ));
    assert!(matches!(
        inbox
            .await_answer(id + 1, Period::from_ms(1))
            .await
            .unwrap_err(),
        StoreError::NoOrder(_)
    ));
    let none = inbox.await_answer(id, Period::from_ms(1)).await.unwrap();
    assert_eq!(none, None);
}

#[tokio::test]
async fn the_view_is_published_twice_a_second_at_most() {
    let (_outer, dir) = fresh();
    let engine = Inbox::open(&dir).await.unwrap();
    let status = Inbox::open(&dir).await.unwrap();
    assert_eq!(status.view().await.unwrap(), None);
    let at = |ms| Timestamp(NOW.0 + ms);
    let mut seen = Vec::new();
    for ms in [0, 100, 499, 500, 900, 1_000] {
        if engine.post_view(&ms.to_string(), at(ms)).await.unwrap() == Published::Written {
            seen.push(status.view().await.unwrap().unwrap().json);
        }
    }
    assert_eq!(seen, ["0", "500", "1000"]);
    assert_eq!(status.view().await.unwrap().unwrap().at, at(1_000));
    let clock_set_back = engine.post_view("back", NOW).await.unwrap();
    assert_eq!(clock_set_back, Published::Written);
}
