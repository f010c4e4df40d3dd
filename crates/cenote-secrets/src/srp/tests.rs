//! The reference's vectors with every intermediate value, and the rules as properties.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cenote_base::{Secret, SeededRandom};
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::client::{Answer, Client};
use super::group::{ELEMENT, Element, prime_bytes};
use super::number::{pad, sha256};
use super::proof::{Message, extract, scrambler, session_key, shared_secret, sign};
use super::verifier::private_key;
use super::*;

const TIMESTAMP: &str = "Sat Nov 7 09:05:03 UTC 2026";
const BLOCK: &[u8] = b"cenote-secret-block-0001";

/// A value of the reference's vectors.
fn text(kind: &str, name: &str) -> &'static str {
    let key = format!("{kind}.{name} ");
    include_str!("vectors.txt").lines().find_map(|line| line.strip_prefix(key.as_str())).expect(&key)
}

fn bytes(kind: &str, name: &str) -> Vec<u8> {
    number::from_hex(text(kind, name)).expect(name)
}

fn base64(kind: &str, name: &str) -> Vec<u8> {
    STANDARD.decode(text(kind, name)).expect(name)
}

fn exponent(kind: &str, name: &str) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(bytes(kind, name).try_into().unwrap())
}

/// The server's values of a vector.
fn server(kind: &str) -> (Verifier, Challenge, ClientPublic) {
    let verifier = Verifier::from_parts(&bytes(kind, "padded_salt"), &bytes(kind, "v")).unwrap();
    let challenge = Challenge::with_secret(&verifier, exponent(kind, "b")).unwrap();
    (verifier, challenge, ClientPublic::parse(text(kind, "A")).unwrap())
}

fn vector_claim<'a>(kind: &str, block: &'a [u8], signature: &'a [u8]) -> Claim<'a> {
    Claim {
        group: text(kind, "group"),
        user: text(kind, "user"),
        secret_block: block,
        timestamp: text(kind, "timestamp"),
        signature,
    }
}

#[test]
fn k_is_the_hash_of_the_group() {
    let k = sha256(&[&pad(&prime_bytes()), &pad(&[2])]);
    assert_eq!(hex::encode(*k), "538282c4354742d7cbbde2359fcf67f9f5b3a6b08791e5011b43b8a5b66d9ee6");
    assert!(Element::MULTIPLIER == Element::exact(k.as_ref()).unwrap());
}

#[test]
fn the_servers_side_of_both_vectors() {
    for kind in ["user", "device"] {
        let (group, user, password) = (text(kind, "group"), text(kind, "user"), Secret::from(text(kind, "password")));
        assert_eq!(hex::encode(&*pad(&bytes(kind, "salt"))), text(kind, "padded_salt"));
        let identity = digest::digest(&digest::SHA256, format!("{group}{user}:{}", password.expose()).as_bytes());
        assert_eq!(hex::encode(identity), text(kind, "identity"));
        let x = private_key(&bytes(kind, "salt"), group, user, &password);
        assert_eq!(hex::encode(*x), text(kind, "x"));
        assert_eq!(hex::encode(*table::generator_to_the(&x).to_bytes()), text(kind, "v"));

        let (verifier, challenge, a) = server(kind);
        assert_eq!(hex::encode(*verifier.v().to_bytes()), text(kind, "v"));
        assert_eq!(verifier.salt_hex(), text(kind, "salt").trim_start_matches('0'));
        assert_eq!(challenge.public_hex(), text(kind, "B"));
        assert_eq!(hex::encode(challenge.public_bytes()), text(kind, "B"));
        assert_eq!(hex::encode(a.to_bytes()), text(kind, "A"));
        let u = scrambler(a.bytes(), challenge.public()).unwrap();
        assert_eq!(hex::encode(*u), text(kind, "u"));
        let shared = shared_secret(&challenge, &a, &verifier, &u).to_bytes();
        assert_eq!(hex::encode(*shared), text(kind, "S"));
        assert_eq!(hex::encode(*extract(&u, shared.as_ref())), text(kind, "prk"));
        let key = session_key(&u, shared.as_ref());
        assert_eq!(hex::encode(*key), text(kind, "key"));
        let block = base64(kind, "block");
        let message = Message { group, user, secret_block: &block, timestamp: text(kind, "timestamp") };
        assert_eq!(STANDARD.encode(sign(&key, &message)), text(kind, "signature"));

        let signature = base64(kind, "signature");
        assert_eq!(check(&challenge, &a, &verifier, &vector_claim(kind, &block, &signature)), Ok(true));
        for cut in [&signature[..31], &signature[1..], &[], &[0; 32]] {
            assert_eq!(check(&challenge, &a, &verifier, &vector_claim(kind, &block, cut)), Ok(false));
        }
    }
}

#[test]
fn the_clients_side_of_both_vectors() {
    for kind in ["user", "device"] {
        let client = Client::with_secret(&bytes(kind, "a")).unwrap();
        assert_eq!(client.public_hex(), text(kind, "A"));
        let shared =
            client.shared_secret(&bytes(kind, "B"), &exponent(kind, "x"), &exponent(kind, "u")).unwrap().to_bytes();
        assert_eq!(hex::encode(*shared), text(kind, "S"));
        let answer = Answer { salt: text(kind, "salt"), public: text(kind, "B"), secret_block: &base64(kind, "block") };
        let (group, user, password) = (text(kind, "group"), text(kind, "user"), Secret::from(text(kind, "password")));
        let signature = client.sign(group, user, &password, &answer, text(kind, "timestamp")).unwrap();
        assert_eq!(STANDARD.encode(signature), text(kind, "signature"));
    }
}

#[test]
fn a_power_is_that_of_the_protocol() {
    // S = (A·v^u)^b, put together from its parts.
    let (verifier, challenge, a) = server("user");
    let v = ClientPublic::from_bytes(verifier.v().to_bytes().as_ref()).unwrap();
    let base = a.element().times(&Element::exact(&client::power(&v, &exponent("user", "u"))).unwrap());
    let base = ClientPublic::from_bytes(base.to_bytes().as_ref()).unwrap();
    assert_eq!(hex::encode(client::power(&base, challenge.secret())), text("user", "S"));
}

#[test]
fn a_device_is_confirmed_with_padded_values() {
    let (salt, v) = (base64("device", "confirm_salt"), base64("device", "confirm_verifier"));
    assert_eq!((salt.len(), v.len()), (17, 385));
    let verifier = Verifier::from_parts(&salt, &v).unwrap();
    assert_eq!(verifier.salt_hex(), text("device", "salt").trim_start_matches('0'));
    assert_eq!(verifier.v().to_bytes().to_vec(), bytes("device", "v"));
}

/// A number in 385 bytes, so that one more than N fits always.
fn big(add: u8, times: u16) -> Vec<u8> {
    let mut carry = u32::from(add);
    let mut out: Vec<u8> = prime_bytes()
        .iter()
        .rev()
        .map(|byte| {
            let sum = u32::from(*byte) * u32::from(times) + carry;
            carry = sum >> 8;
            u8::try_from(sum & 0xff).unwrap()
        })
        .collect();
    out.push(u8::try_from(carry).unwrap());
    out.reverse();
    out
}

#[test]
fn a_public_value_that_is_zero_modulo_n_is_refused() {
    for zero in ["0", "00", &"0".repeat(770), &hex::encode(prime_bytes()), &hex::encode(big(0, 1)).to_uppercase()] {
        assert_eq!(ClientPublic::parse(zero).unwrap_err(), SrpError::ZeroPublic, "{zero}");
    }
    // 2N has one bit more than N.
    assert_eq!(ClientPublic::parse(&hex::encode(big(0, 2))).unwrap_err(), SrpError::TooLong);
    assert_eq!(ClientPublic::from_bytes(&[]).unwrap_err(), SrpError::ZeroPublic);
    assert_eq!(ClientPublic::from_bytes(&big(0, 1)).unwrap_err(), SrpError::ZeroPublic);
    assert_eq!(ClientPublic::from_bytes(&big(0, 2)).unwrap_err(), SrpError::TooLong);
    assert_eq!(SrpError::ZeroPublic.fault(), Fault::Caller);
}

#[test]
fn a_public_value_that_is_no_number_or_too_long_is_refused() {
    for no_hex in ["", " ", "xyz", "0x12", "-1", "+1", "12 ", "1g", "é", "\u{ff11}", "1\n"] {
        assert_eq!(ClientPublic::parse(no_hex).unwrap_err(), SrpError::NotHex, "{no_hex:?}");
    }
    let mut long = "1".repeat(768);
    assert!(ClientPublic::parse(&long).is_ok());
    long.push('1');
    assert_eq!(ClientPublic::parse(&long).unwrap_err(), SrpError::TooLong);
    assert_eq!(ClientPublic::parse(&format!("{}1", "0".repeat(770))).unwrap_err(), SrpError::TooLong);
    assert_eq!(ClientPublic::parse(&"z".repeat(1_000_000)).unwrap_err(), SrpError::TooLong);
}

#[test]
fn the_spelling_of_a_public_value_does_not_matter() {
    let a = ClientPublic::parse(text("user", "A")).unwrap();
    for spelling in [format!("00{}", text("user", "A")), text("user", "A").to_uppercase()] {
        assert_eq!(ClientPublic::parse(&spelling).unwrap(), a);
    }
    assert_eq!(ClientPublic::parse("abc").unwrap(), ClientPublic::parse("000ABC").unwrap());
    assert_eq!(ClientPublic::parse("abc").unwrap().to_bytes(), [0x0a, 0xbc]);
    assert_eq!(ClientPublic::from_bytes(&a.to_bytes()).unwrap(), a);
}

#[test]
fn a_public_value_beyond_n_is_hashed_as_sent_and_reckoned_modulo_n() {
    let beyond = ClientPublic::from_bytes(&big(5, 1)).unwrap();
    let small = ClientPublic::parse("5").unwrap();
    assert!(beyond.element() == small.element());
    assert_eq!(beyond.to_bytes().len(), ELEMENT);
    assert_ne!(beyond, small);
}

#[test]
fn verifiers_out_of_range_are_refused() {
    let from = |salt: &[u8], v: &[u8]| Verifier::from_parts(salt, v).map(drop);
    assert_eq!(from(&[], &[2]), Err(SrpError::Salt));
    assert_eq!(from(&[1; 65], &[2]), Err(SrpError::Salt));
    assert_eq!(from(&[1; 64], &[2]), Ok(()));
    assert_eq!(from(&[0], &[2]), Ok(()));
    for v in [vec![], vec![0; 385], big(0, 1), big(1, 1), big(0, 2), vec![0xff; 384], vec![1; 385]] {
        assert_eq!(from(&[1; 16], &v), Err(SrpError::Verifier), "{}", hex::encode(v));
    }
}

#[test]
fn what_is_stored_is_read_back_or_refused() {
    let verifier = Verifier::make("pool", "alice", &"password".into(), &SeededRandom::new(1));
    let stored = verifier.to_bytes().expose().to_vec();
    assert_eq!(stored.len(), 2 + 16 + 384);
    assert_eq!(Verifier::from_bytes(&stored).unwrap().to_bytes().expose(), stored);
    let refused = |bytes: &[u8]| Verifier::from_bytes(bytes).unwrap_err();
    for length in 0..stored.len() {
        assert!(matches!(refused(&stored[..length]), SrpError::Unreadable(_)), "{length}");
    }
    let changed = |position: usize, byte: u8| {
        let mut bytes = stored.clone();
        bytes[position] = byte;
        bytes
    };
    assert_eq!(refused(&changed(0, 2)), SrpError::Unreadable("a verifier is of another version"));
    assert_eq!(refused(&changed(1, 15)), SrpError::Unreadable("a verifier has another length"));
    let with_v = |v: &[u8]| [&stored[..18], v].concat();
    for v in [vec![0; 384], prime_bytes(), vec![0xff; 384]] {
        assert_eq!(refused(&with_v(&v)), SrpError::Unreadable("a verifier is out of range"));
    }
    assert_eq!(SrpError::Unreadable("").fault(), Fault::Cenote);
}

#[test]
fn challenges_are_read_back_or_refused() {
    let (_, challenge, _) = server("user");
    let (secret, public) = (challenge.secret_bytes(), challenge.public_bytes());
    let again = Challenge::from_parts(secret.expose(), &public).unwrap();
    assert_eq!(again.secret_bytes().expose(), secret.expose());
    assert_eq!(again.public_hex(), text("user", "B"));
    let refused = |secret: &[u8], public: &[u8]| Challenge::from_parts(secret, public).unwrap_err();
    for (secret, public) in [
        (&secret.expose()[1..], public.clone()),
        (&[], public.clone()),
        (secret.expose(), vec![]),
        (secret.expose(), vec![0; 384]),
        (secret.expose(), prime_bytes()),
        (secret.expose(), vec![1; 385]),
    ] {
        assert!(matches!(refused(secret, &public), SrpError::Unreadable(_)));
    }
}

#[test]
fn debug_shows_no_secret() {
    let (verifier, challenge, a) = server("user");
    assert_eq!(format!("{verifier:?} {challenge:?}"), "Verifier(***) Challenge(***)");
    assert_eq!(format!("{a:?}"), format!("ClientPublic({})", text("user", "A")));
    let claim = vector_claim("user", BLOCK, &[1; 32]);
    assert_eq!(format!("{claim:?}"), r#"Claim { group: "AbCdEfGhI", user: "alice", .. }"#);
}

#[test]
fn a_simulated_verifier_is_stable_and_answers_like_a_real_one() {
    let make = |salt: u8, seed: u8| Verifier::simulated([salt; 16], &[seed; 32]);
    let stored = make(3, 4).to_bytes().expose().to_vec();
    assert_eq!(make(3, 4).to_bytes().expose(), stored);
    assert_eq!(stored.len(), Verifier::make("p", "u", &"".into(), &SeededRandom::new(1)).to_bytes().expose().len());
    assert!(make(3, 4).v() == make(5, 4).v());
    assert!(make(3, 4).v() != make(3, 5).v());
    assert_eq!(make(3, 4).salt_hex(), "3".to_owned() + &"03".repeat(15));
    assert!(Verifier::from_bytes(&stored).is_ok());
    let signature = [0; 32];
    let claim = Claim { group: "p", user: "u", secret_block: BLOCK, timestamp: TIMESTAMP, signature: &signature };
    let challenge = Challenge::make(&make(3, 4), &SeededRandom::new(2));
    assert_eq!(check(&challenge, &ClientPublic::parse("5").unwrap(), &make(3, 4), &claim), Ok(false));
}

#[test]
fn a_simulated_verifier_is_a_square_as_a_real_one_is() {
    // Euler's criterion with the exponent (N - 1) / 2: half of all numbers would fail it.
    let mut half = prime_bytes();
    let mut carry = 0;
    for byte in &mut half {
        (*byte, carry) = ((*byte >> 1) | (carry << 7), *byte & 1);
    }
    let half = group::read(&half).unwrap();
    for seed in 0..4 {
        assert!(Verifier::simulated([1; 16], &[seed; 32]).v().pow_wide(&half, 3072) == Element::ONE);
    }
    assert!(Element::GENERATOR.pow_wide(&half, 3072) == Element::ONE);
}

/// One sign-in.
#[derive(Clone, Debug)]
struct SignIn {
    group: String,
    user: String,
    password: String,
    block: Vec<u8>,
    timestamp: String,
}

fn sign_in() -> impl Strategy<Value = SignIn> {
    ("[a-zA-Z0-9-]{1,12}", "\\PC{1,24}", "\\PC{0,32}", prop::collection::vec(any::<u8>(), 0..64), "\\PC{0,30}")
        .prop_map(|(group, user, password, block, timestamp)| SignIn { group, user, password, block, timestamp })
}

impl SignIn {
    fn sign(&self, client: &Client, verifier: &Verifier, challenge: &Challenge) -> Vec<u8> {
        let (salt, public) = (verifier.salt_hex(), challenge.public_hex());
        let answer = Answer { salt: &salt, public: &public, secret_block: &self.block };
        client.sign(&self.group, &self.user, &Secret::from(self.password.as_str()), &answer, &self.timestamp).unwrap()
    }

    fn claim<'a>(&'a self, signature: &'a [u8]) -> Claim<'a> {
        Claim { group: &self.group, user: &self.user, secret_block: &self.block, timestamp: &self.timestamp, signature }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_right_password_agrees_and_nothing_else_does(real in sign_in(), other in sign_in(), seed: u64, long: bool) {
        let random = SeededRandom::new(seed);
        let verifier = Verifier::make(&real.group, &real.user, &Secret::from(real.password.as_str()), &random);
        let verifier = Verifier::from_bytes(verifier.to_bytes().expose()).unwrap();
        let challenge = Challenge::make(&verifier, &random);
        let client = if long {
            Client::with_secret(&cenote_base::RandomExt::bytes::<128>(&random)).unwrap()
        } else {
            Client::new(&random)
        };
        let a = ClientPublic::parse(&client.public_hex()).unwrap();
        let challenge = Challenge::from_parts(challenge.secret_bytes().expose(), &challenge.public_bytes()).unwrap();
        let signature = real.sign(&client, &verifier, &challenge);
        prop_assert_eq!(check(&challenge, &a, &verifier, &real.claim(&signature)), Ok(true));

        let changes: [fn(&mut SignIn, SignIn); 5] = [
            |it, other| it.group = other.group,
            |it, other| it.user = other.user,
            |it, other| it.password = other.password,
            |it, other| it.block = other.block,
            |it, other| it.timestamp = other.timestamp,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut wrong = real.clone();
            change(&mut wrong, other.clone());
            if format!("{wrong:?}") == format!("{real:?}") {
                continue;
            }
            let signature = wrong.sign(&client, &verifier, &challenge);
            // The server knows the real names and its own block, whatever the client signed.
            prop_assert_eq!(check(&challenge, &a, &verifier, &real.claim(&signature)), Ok(false), "change {}", number);
        }
        // Another b, and another A.
        let another = Challenge::make(&verifier, &random);
        prop_assert_eq!(check(&another, &a, &verifier, &real.claim(&signature)), Ok(false));
        let b = ClientPublic::parse(&Client::new(&random).public_hex()).unwrap();
        prop_assert_eq!(check(&challenge, &b, &verifier, &real.claim(&signature)), Ok(false));
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "[0-9a-fA-FxX+ -]{0,780}") {
        match ClientPublic::parse(&text) {
            Ok(a) => {
                let digits = text.trim_start_matches('0').to_lowercase();
                prop_assert_eq!(number::to_hex(&a.to_bytes()), digits);
            }
            Err(SrpError::NotHex) => {
                prop_assert!(text.is_empty() || text.bytes().any(|byte| !byte.is_ascii_hexdigit()));
            }
            Err(SrpError::TooLong) => prop_assert!(text.trim_start_matches('0').len() > 768 || text.len() > 770),
            Err(SrpError::ZeroPublic) => prop_assert!(text.bytes().all(|byte| byte == b'0')),
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}

/// Sign-ins with numbers that need padding: found by drawing, so that each kind of number is met.
#[test]
fn numbers_that_need_padding_agree() {
    let random = SeededRandom::new(99);
    let password = Secret::from("Correct-Horse-9");
    let agrees = |salt: &[u8], secret: &[u8]| {
        let x = private_key(salt, "pool", "alice", &password);
        let verifier = Verifier::from_parts(salt, table::generator_to_the(&x).to_bytes().as_ref()).unwrap();
        let challenge = Challenge::make(&verifier, &random);
        let client = Client::with_secret(secret).unwrap();
        let (salt, public) = (verifier.salt_hex(), challenge.public_hex());
        let answer = Answer { salt: &salt, public: &public, secret_block: BLOCK };
        let signature = client.sign("pool", "alice", &password, &answer, TIMESTAMP).unwrap();
        let a = ClientPublic::parse(&client.public_hex()).unwrap();
        let claim =
            Claim { group: "pool", user: "alice", secret_block: BLOCK, timestamp: TIMESTAMP, signature: &signature };
        assert_eq!(check(&challenge, &a, &verifier, &claim), Ok(true), "{salt} {}", client.public_hex());
    };
    for salt in [[0; 16], [0xff; 16], [0x80; 16], [0x7f; 16]] {
        agrees(&salt, &[9; 32]);
        let mut zeros = salt;
        zeros[..2].fill(0);
        agrees(&zeros, &[9; 32]);
    }
    // A = 2^a: one digit, an odd number of digits, a high first digit, and leading zero bytes.
    for secret in [&[0_u8][..], &[1], &[3], &[4], &[7], &[8], &[11], &[0x0b, 0xff], &[0x0b, 0xf0]] {
        agrees(&[5; 16], secret);
    }
}
