//! Whether an answer tells that a user exists: pairs of requests, one for a user that exists and one for a name that
//! nobody has, at each door where clients with PreventUserExistenceErrors hide the difference. What is seen of the first
//! half of the answers trains a guess for each thing that an answer shows, and the second half counts how often that guess
//! is right. Half of the time is what a coin reaches.

mod doors;
mod guess;

use std::time::Instant;

use self::doors::{Door, Scene};
use self::guess::{Seen, accuracies};
use crate::client::{Answer, Client};
use crate::program::Program;
use crate::{Failed, Wanted, report};

/// Pairs at each door.
const PAIRS: usize = 2_000;
/// How often a guess may be right, in percent.
const BOUND: f64 = 55.0;

/// Every door, or those that are asked for.
pub async fn distinguish(server: &Program, wanted: &Wanted) -> Result<(), Failed> {
    for door in Door::ALL {
        if !wanted.has("distinguish") && !wanted.has(door.figure()) {
            continue;
        }
        let what = format!("who exists, told from {PAIRS} pairs of {}", door.name());
        let Some(seen) = at(server, door).await? else {
            report::line(&what, "not built");
            continue;
        };
        report::line(&what, "right");
        for (shows, right) in accuracies(&seen) {
            report::line(&format!("  {shows}"), &format!("{:.1} %", 100.0 * right));
        }
        report::line("  bound", &format!("{BOUND:.0} %"));
        println!();
    }
    Ok(())
}

/// The answers to all pairs, in the order of the requests; `None` where the operation is not built.
async fn at(server: &Program, door: Door) -> Result<Option<Vec<Seen>>, Failed> {
    let scene = Scene::new(server, door).await?;
    let mut client = Client::connect(server.address).await?;
    let mut seen = Vec::with_capacity(2 * PAIRS);
    for pair in 0..PAIRS {
        // Each comes first as often as the other, so that what follows a write is not taken for what follows a user.
        let known_first = pair % 2 == 0;
        for exists in [known_first, !known_first] {
            let request = scene.request(&mut client, exists, pair).await?;
            let sent = Instant::now();
            let answer = client.send(&request).await?;
            let took = sent.elapsed();
            if !door.is_meant(&answer) {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                if text.contains("NotImplementedException") {
                    return Ok(None);
                }
                return Err(format!("{}: {} {text}", door.name(), answer.status).into());
            }
            seen.push(Seen { exists, took: took.as_secs_f64(), shows: shows(&answer) });
        }
    }
    Ok(Some(seen))
}

/// What an answer shows besides its time, by what it is called.
fn shows(answer: &Answer) -> Vec<(&'static str, String)> {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let member = |name: &str| body.get(name).map(ToString::to_string).unwrap_or_default();
    // These differ from answer to answer, whoever asks.
    let differ = |name: &str| ["date", "x-amzn-requestid", "content-length"].contains(&name);
    let headers = answer.headers.iter().filter(|(name, _)| !differ(name));
    let headers: Vec<String> = headers.map(|(name, value)| format!("{name}: {value}")).collect();
    vec![
        ("status", answer.status.to_string()),
        ("headers", headers.join("\n")),
        ("length of the body", answer.body.len().to_string()),
        ("error and message", format!("{} {}", member("__type"), member("message"))),
        ("shape of the body", shape(&body)),
    ]
}

/// The body with each text replaced by its length: the names of members and their order stay.
fn shape(body: &serde_json::Value) -> String {
    match body {
        serde_json::Value::Object(members) => {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("{name}:{}", shape(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        serde_json::Value::Array(items) => format!("[{}]", items.iter().map(shape).collect::<Vec<_>>().join(",")),
        serde_json::Value::String(text) => text.len().to_string(),
        other => other.to_string(),
    }
}
