//! How long a refresh and GetUser take while everybody signs in by password, beside how long they take when it is quiet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::http::get_user_request;
use crate::program::{Pool, Program, text};
use crate::sign_in::{refresh_request, sign_in};
use crate::{Failed, USERS, client, report};

/// Sign-ins that are sent at a time: four for each user.
const FLOOD: usize = 4 * USERS;
/// How much slower the slowest hundredth may become.
const BOUND: f64 = 3.0;

/// Measures both.
pub async fn flood(server: &Program, pool: &Pool) -> Result<(), Failed> {
    let tokens = server.send(&sign_in(pool, 0)).await?;
    let requests = [
        ("refresh", refresh_request(pool, &text(&tokens, "/AuthenticationResult/RefreshToken")?)),
        ("GetUser", get_user_request(&text(&tokens, "/AuthenticationResult/AccessToken")?)),
    ];
    let mut quiet = Vec::new();
    for (_, request) in &requests {
        quiet.push(client::latencies(server.address, request).await?);
    }
    let over = Arc::new(AtomicBool::new(false));
    let sign_ins: Vec<_> = (0..FLOOD)
        .map(|number| tokio::spawn(again_and_again(server.address, sign_in(pool, number % USERS), Arc::clone(&over))))
        .collect();
    for ((what, request), quiet) in requests.iter().zip(quiet) {
        let flooded = client::latencies(server.address, request).await?;
        for (when, took) in [("when it is quiet", &quiet), ("under a flood of sign-ins", &flooded)] {
            let [half, most] = [50, 99].map(|share| percentile(took, share));
            report::line(&format!("{what} {when}, half of them within"), &format!("{half:.2} ms"));
            report::line("  99 % within", &format!("{most:.2} ms"));
        }
        let times = percentile(&flooded, 99) / percentile(&quiet, 99).max(f64::MIN_POSITIVE);
        report::bounded("  so many times as long, at 99 %", times, "×", BOUND);
        println!();
    }
    over.store(true, Ordering::Relaxed);
    for task in sign_ins {
        task.await??;
    }
    Ok(())
}

/// Whatever the answer is: some are that there are too many.
async fn again_and_again(address: std::net::SocketAddr, request: Vec<u8>, over: Arc<AtomicBool>) -> Result<(), Failed> {
    let mut client = client::Client::connect(address).await?;
    while !over.load(Ordering::Relaxed) {
        client.send(&request).await?;
    }
    Ok(())
}

/// In milliseconds, of times in ascending order.
fn percentile(took: &[Duration], share: usize) -> f64 {
    let at = (took.len() * share / 100).min(took.len().saturating_sub(1));
    took.get(at).copied().unwrap_or_default().as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let took: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!((percentile(&took, 50), percentile(&took, 99)), (101.0, 199.0));
        assert_eq!(percentile(&[], 99), 0.0);
    }
}
