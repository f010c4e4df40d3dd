//! `SECRET_HASH`: how an app client with a secret proves that it knows it (reference 04 §6).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cenote_base::{ClientId, Secret};

use crate::ct_eq;

/// `Base64(HMAC-SHA256(key = client secret, username ‖ client id))`. Which username goes in depends on the operation:
/// the text as sent, or the stored username where a refresh token is used.
pub fn compute(username: &str, client: &ClientId, client_secret: &Secret) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, client_secret.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(username.as_bytes());
    context.update(client.as_str().as_bytes());
    STANDARD.encode(context.sign())
}

/// Whether `given` is the hash, in constant time.
pub fn verify(given: &str, username: &str, client: &ClientId, client_secret: &Secret) -> bool {
    ct_eq(given.as_bytes(), compute(username, client, client_secret).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> (ClientId, Secret) {
        let id = "26cb2c60kq7nbmas7rbme9b6pp".parse().unwrap();
        (id, Secret::from("13ka4h7u28d9oo44tqpq9djqsfvhvu8rk4d2ighvpu0k8fj1c2r9"))
    }

    #[test]
    fn the_vectors_of_the_reference() {
        let (id, secret) = client();
        for (username, hash) in [
            ("alice", "ikLuKWUuQPD74/RhPJuoIquzppq5DfWi4w/wK3dJOLI="),
            ("alice@example.com", "hMvKPlHIPfwY01bEckeVxQqeyN57dV8SLYhgf0tR45Y="),
        ] {
            assert_eq!(compute(username, &id, &secret), hash);
            assert!(verify(hash, username, &id, &secret));
        }
    }

    #[test]
    fn another_user_secret_or_spelling_does_not_verify() {
        let (id, secret) = client();
        let hash = compute("alice", &id, &secret);
        assert!(!verify(&hash, "Alice", &id, &secret));
        assert!(!verify(&hash, "alice", &id, &Secret::from("another")));
        assert!(!verify(&hash, "alice", &"26cb2c60kq7nbmas7rbme9b6pq".parse().unwrap(), &secret));
        assert!(!verify(hash.trim_end_matches('='), "alice", &id, &secret));
        assert!(!verify("", "alice", &id, &secret));
    }
}
