use std::sync::atomic::{AtomicUsize, Ordering};

use domain::control::BootId;
use service::clock::ManualClock;
use service::history::MemoryHistory;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn store() -> Store {
    Store::new(Arc::new(MemoryHistory::new()))
}

fn to_program(script: &str) -> NotifyConfig {
    NotifyConfig {
        command: Some(["/bin/sh", "-c", script, "tell"].map(str::to_owned).to_vec()),
        limit: Duration::from_secs(20),
        ..NotifyConfig::default()
    }
}

/// Runs the delivery, with short pauses between tries.
fn start(config: &NotifyConfig, store: &Store) -> (Notifier, tokio::task::JoinHandle<()>) {
    let moments = Moments::of_this_machine();
    let pauses = vec![Duration::from_millis(10); 3];
    let (notifier, delivery) = notifier_with(config, store.clone(), moments, pauses);
    let task = tokio::spawn(async { delivery.run(CancellationToken::new()).await.unwrap() });
    (notifier, task)
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

fn ts(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn an_alarm_is_news_once_until_it_is_over() {
    let mut state = State::default();
    let at = |minute: i64| ts("2026-03-10T12:00:00Z") + TimeDelta::minutes(minute);
    assert!(state.raise(Alarm::NoData, at(0)));
    assert!(state.raise(Alarm::NotReady, at(0)));
    assert!(!state.raise(Alarm::NoData, at(1)));
    assert!(!state.raise(Alarm::NoData, at(3000)), "it still stands");
    state.told.insert(Alarm::NoData, at(3000));
    state.standing.remove(&Alarm::NoData);
    assert!(!state.raise(Alarm::NoData, at(3001)), "it flaps");
    assert!(state.raise(Alarm::NoData, at(3016)), "it stands after all");
}

#[tokio::test]
async fn a_program_gets_word_and_text_and_no_shell_touches_them() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let script = format!(
        "printf '%s|%s|%s|%s\\n' \"$1\" \"$2\" \"$NY_POWER_ALARM\" \"$NY_POWER_TEXT\" >> '{}'",
        out.display()
    );
    let store = store();
    let (notifier, task) = start(&to_program(&script), &store);
    let text = "It's $(not) ready; \"tomorrow\" 7 AM";
    notifier.raise(Alarm::NotReady, text);
    notifier.raise(Alarm::NotReady, "again");
    until("the record", || store.told().unwrap().contains_key(&Alarm::NotReady)).await;
    let line = format!("not-ready|{text}|not-ready|{text}\n");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), line);
    task.abort();

    // A restart does not repeat what still stands.
    let (notifier, task) = start(&to_program(&script), &store);
    notifier.raise(Alarm::NotReady, text);
    notifier.raise(Alarm::CarRefuses, "other");
    until("the other", || store.told().unwrap().contains_key(&Alarm::CarRefuses)).await;
    assert_eq!(std::fs::read_to_string(&out).unwrap().lines().count(), 2);
    task.abort();
}

#[tokio::test]
async fn what_was_not_delivered_when_the_agent_died_is_told_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let store = store();
    let (notifier, task) = start(&to_program("exec sleep 60"), &store);
    notifier.raise(Alarm::NoData, "nothing");
    tokio::task::yield_now().await;
    task.abort();
    let _ = task.await;
    let (notifier, _task) =
        start(&to_program(&format!("echo told >> '{}'", out.display())), &store);
    notifier.raise(Alarm::NoData, "nothing");
    until("the program", || out.exists()).await;
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_and_tried_a_bounded_number_of_times() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let script = format!("echo try >> '{}'; exec sleep 600", out.display());
    let config = NotifyConfig { limit: Duration::from_millis(300), ..to_program(&script) };
    let store = store();
    let (notifier, _task) = start(&config, &store);
    notifier.raise(Alarm::RelayDisobeys, "stuck");
    until("the last try", || store.told().unwrap().contains_key(&Alarm::RelayDisobeys)).await;
    let tries = std::fs::read_to_string(&out).unwrap_or_default().lines().count();
    assert!(tries <= 4, "{tries} tries");
}

/// A server that answers each request with the next of `answers`, the last one for ever; `""` hangs.
async fn server(
    answers: &'static [&'static str],
) -> (String, Arc<AtomicUsize>, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?secret", listener.local_addr().unwrap());
    let (count, last) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(String::new())));
    let (counter, body) = (Arc::clone(&count), Arc::clone(&last));
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            while !request.ends_with(b"}") {
                match stream.read(&mut chunk).await {
                    Ok(0) | Err(_) => break,
                    Ok(n) => request.extend_from_slice(&chunk[..n]),
                }
            }
            *body.lock().unwrap() = String::from_utf8_lossy(&request).into_owned();
            let n = counter.fetch_add(1, Ordering::SeqCst);
            match answers[n.min(answers.len() - 1)] {
                "" => kept.push(stream),
                status => {
                    let answer = format!(
                        "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            }
        }
    });
    (url, count, last)
}

async fn tries(answers: &'static [&'static str]) -> (usize, String) {
    let limit = if answers.contains(&"") { Duration::from_secs(1) } else { PATIENCE };
    let (url, count, last) = server(answers).await;
    let config =
        NotifyConfig { webhook: Some(url.parse().unwrap()), limit, ..NotifyConfig::default() };
    let store = store();
    let (notifier, _task) = start(&config, &store);
    notifier.raise(Alarm::SecondController, "who?");
    until("the record", || store.told().unwrap().contains_key(&Alarm::SecondController)).await;
    let body = last.lock().unwrap().clone();
    (count.load(Ordering::SeqCst), body)
}

#[tokio::test]
async fn a_webhook_gets_json() {
    let (count, request) = tries(&["204 No Content"]).await;
    assert_eq!(count, 1);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hook?secret HTTP/1.1"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((&body["alarm"], &body["text"]), (&"second-controller".into(), &"who?".into()));
    assert!(body["raised"].as_str().unwrap().ends_with('Z'), "{body}");
}

#[tokio::test]
async fn a_webhook_that_fails_is_tried_again_unless_it_says_no_for_good() {
    assert_eq!(tries(&["503 Busy", "429 Slow down", "200 OK"]).await.0, 3);
    assert_eq!(tries(&["404 Gone", "200 OK"]).await.0, 1);
    assert_eq!(tries(&["500 Broken"]).await.0, 4);
    // One that hangs has its time limit.
    assert_eq!(tries(&["", "200 OK"]).await.0, 2);
}

#[test]
fn raising_never_waits_however_many_there_are() {
    let clock = Arc::new(ManualClock::new(ts("2026-03-10T12:00:00Z")));
    let moments = Moments::of_clock(clock, BootId(1));
    let (notifier, _delivery) = notifier(&NotifyConfig::default(), store(), moments);
    for _ in 0..100 {
        notifier.raise(Alarm::NoData, "nothing");
        notifier.clear(Alarm::NoData);
    }
}
