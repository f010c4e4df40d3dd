//! Tests with real threads. What must wait is held at a gate, so that nothing depends on how fast the machine is.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use cenote_base::SeededRandom;

use super::*;

const LIGHT: HashingParams = HashingParams { memory_kib: 8, passes: 1, lanes: 1 };

fn light(threads: usize, queue_per_pool: usize, queue_total: usize) -> HashingConfig {
    HashingConfig { threads, queue_per_pool, queue_total, params: LIGHT }
}

fn hasher() -> PasswordHasher {
    PasswordHasher::new(light(2, 100, 100), Arc::new(SeededRandom::new(1))).unwrap()
}

/// Salts that a worker can only draw once the test lets it: `arrived` says that a worker is at the gate.
#[derive(Debug)]
struct Gate {
    arrive: SyncSender<()>,
    open: Mutex<Receiver<()>>,
    drawn: AtomicUsize,
    random: SeededRandom,
}

fn gate() -> (Arc<Gate>, Receiver<()>, SyncSender<()>) {
    let (arrive, arrived) = sync_channel(100);
    let (opener, open) = sync_channel(100);
    let gate = Gate { arrive, open: Mutex::new(open), drawn: AtomicUsize::new(0), random: SeededRandom::new(2) };
    (Arc::new(gate), arrived, opener)
}

impl Random for Gate {
    fn fill(&self, out: &mut [u8]) {
        self.arrive.send(()).unwrap();
        // A dropped opener leaves the gate open.
        let _ = self.open.lock().unwrap_or_else(PoisonError::into_inner).recv();
        self.drawn.fetch_add(1, Ordering::SeqCst);
        self.random.fill(out);
    }
}

fn poll_once<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_password_verifies_and_no_other_does() {
    let hasher = hasher();
    let long = "ü".repeat(256);
    let passwords = ["Correct-Horse-9", "", "\0", "a\0b", "a", long.as_str(), "pass word", "🐎"];
    for password in passwords {
        let phc = hasher.hash("pool", &password.into()).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{phc}");
        for other in passwords {
            let verdict = hasher.verify("pool", &other.into(), &phc).await.unwrap();
            assert_eq!(verdict, Verdict { matches: other == password, needs_rehash: false }, "{password:?} {other:?}");
        }
        let truncated = format!("{password}\0");
        assert!(!hasher.verify("pool", &truncated.into(), &phc).await.unwrap().matches);
    }
    let shorter = "ü".repeat(255);
    let phc = hasher.hash("pool", &long.into()).await.unwrap();
    assert!(!hasher.verify("pool", &shorter.into(), &phc).await.unwrap().matches);
}

#[tokio::test]
async fn the_same_password_never_gives_the_same_text() {
    let hasher = hasher();
    let password = Secret::from("Correct-Horse-9");
    assert_ne!(hasher.hash("pool", &password).await.unwrap(), hasher.hash("pool", &password).await.unwrap());
}

#[tokio::test]
async fn hashes_of_the_reference_implementation_verify() {
    let hasher = hasher();
    for phc in [
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    ] {
        assert!(hasher.verify("pool", &"password".into(), phc).await.unwrap().matches, "{phc}");
        assert!(!hasher.verify("pool", &"passwore".into(), phc).await.unwrap().matches, "{phc}");
    }
}

#[tokio::test]
async fn raised_parameters_ask_for_a_new_hash_when_the_password_is_right() {
    let phc = hasher().hash("pool", &"right".into()).await.unwrap();
    let raised = HashingConfig { params: HashingParams { passes: 2, ..LIGHT }, ..light(1, 10, 10) };
    let hasher = PasswordHasher::new(raised, Arc::new(SeededRandom::new(3))).unwrap();
    let right = hasher.verify("pool", &"right".into(), &phc).await.unwrap();
    assert_eq!(right, Verdict { matches: true, needs_rehash: true });
    let wrong = hasher.verify("pool", &"wrong".into(), &phc).await.unwrap();
    assert_eq!(wrong, Verdict { matches: false, needs_rehash: false });
    let fresh = hasher.hash("pool", &"right".into()).await.unwrap();
    assert!(fresh.contains("t=2"), "{fresh}");
    let again = hasher.verify("pool", &"right".into(), &fresh).await.unwrap();
    assert_eq!(again, Verdict { matches: true, needs_rehash: false });
}

#[tokio::test]
async fn a_text_that_is_no_hash_is_an_error_of_ours() {
    let error = hasher().verify("pool", &"x".into(), "plain").await.unwrap_err();
    assert_eq!(error.to_string(), "the stored password hash can't be read: it is not of Argon2id");
    assert_eq!(error.fault(), Fault::Cenote);
}

#[test]
fn parameters_out_of_range_stop_the_start() {
    let start =
        |params| PasswordHasher::new(HashingConfig { params, ..light(1, 1, 1) }, Arc::new(SeededRandom::new(1)));
    let error = start(HashingParams { memory_kib: 4, ..LIGHT }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "password hashing can't use 4 KiB, 1 passes, 1 lanes: at least 8 KiB for each lane, one pass and one lane; \
         at most 1048576 KiB, 64 passes, 64 lanes"
    );
    for params in [
        HashingParams { passes: 0, ..LIGHT },
        HashingParams { lanes: 0, ..LIGHT },
        HashingParams { memory_kib: 2_000_000, ..LIGHT },
        HashingParams { passes: 65, ..LIGHT },
    ] {
        assert!(matches!(start(params), Err(StartError::Params(bad)) if bad == params));
    }
}

#[test]
fn past_the_bound_the_answer_is_busy_at_once() {
    let (random, arrived, opener) = gate();
    let hasher = PasswordHasher::new(light(1, 2, 3), random).unwrap();
    let opener = opener; // Dropped before the hasher, so that a failed assertion can't hang.
    let password = Secret::from("x");
    let mut running = Box::pin(hasher.hash("a", &password));
    assert!(poll_once(&mut running).is_pending());
    arrived.recv().unwrap();
    // The thread is at the gate: from here on everything waits.
    let mut waiting: Vec<_> = ["a", "a", "b"].map(|lane| Box::pin(hasher.hash(lane, &password))).into();
    assert!(waiting.iter_mut().all(|job| poll_once(job).is_pending()));
    assert_eq!(hasher.waiting(), 3);
    assert_eq!(poll_once(&mut Box::pin(hasher.hash("a", &password))), Poll::Ready(Err(HashError::Busy)));
    assert_eq!(poll_once(&mut Box::pin(hasher.hash("c", &password))), Poll::Ready(Err(HashError::Busy)));
    assert_eq!(HashError::Busy.fault(), Fault::Caller);
    // Who goes away makes room.
    waiting.pop();
    assert!(poll_once(&mut Box::pin(hasher.hash("c", &password))).is_pending());
    drop(opener);
}

#[tokio::test]
async fn pools_take_turns_and_the_gone_are_skipped() {
    let (random, arrived, opener) = gate();
    let hasher = PasswordHasher::new(light(1, 10, 20), Arc::clone(&random) as Arc<dyn Random>).unwrap();
    let opener = opener;
    let password = Secret::from("x");
    let mut running = Box::pin(hasher.hash("a", &password));
    assert!(poll_once(&mut running).is_pending());
    arrived.recv().unwrap();
    let mut busy: Vec<_> = (0..5).map(|_| Box::pin(hasher.hash("a", &password))).collect();
    let mut gone = Box::pin(hasher.hash("b", &password));
    let mut quiet = Box::pin(hasher.hash("b", &password));
    assert!(busy.iter_mut().all(|job| poll_once(job).is_pending()));
    assert!(poll_once(&mut gone).is_pending() && poll_once(&mut quiet).is_pending());
    drop(gone);
    // Lets through: the one that runs, one of the busy pool, and then it is the quiet pool's turn.
    for _ in 0..3 {
        opener.send(()).unwrap();
    }
    quiet.await.unwrap();
    running.await.unwrap();
    assert_eq!(random.drawn.load(Ordering::SeqCst), 3);
    assert!(busy.iter_mut().skip(1).all(|job| poll_once(job).is_pending()));
    drop(opener);
}

#[tokio::test]
async fn an_unknown_user_costs_a_hash() {
    let (random, arrived, opener) = gate();
    let hasher = PasswordHasher::new(light(1, 1, 1), Arc::clone(&random) as Arc<dyn Random>).unwrap();
    drop(opener);
    hasher.verify_nothing("pool", &"x".into()).await.unwrap();
    arrived.recv().unwrap();
    assert_eq!(random.drawn.load(Ordering::SeqCst), 1);
}

#[test]
fn dropping_ends_the_threads_and_nobody_waits_for_ever() {
    let (random, arrived, opener) = gate();
    let hasher = Arc::new(PasswordHasher::new(light(1, 10, 10), random).unwrap());
    let opener = opener;
    let run = |hasher: Arc<PasswordHasher>| async move { hasher.hash("a", &"x".into()).await };
    let mut running = Box::pin(run(Arc::clone(&hasher)));
    let mut waiting = Box::pin(run(Arc::clone(&hasher)));
    assert!(poll_once(&mut running).is_pending());
    arrived.recv().unwrap();
    assert!(poll_once(&mut waiting).is_pending());
    hasher.queue.close();
    assert_eq!(poll_once(&mut waiting), Poll::Ready(Err(HashError::Stopped)));
    assert_eq!(poll_once(&mut Box::pin(run(Arc::clone(&hasher)))), Poll::Ready(Err(HashError::Stopped)));
    // The hash that was being made is finished, and dropping waits for it.
    drop(opener);
    let queue = Arc::downgrade(&hasher.queue);
    drop((running, waiting, hasher));
    assert_eq!(queue.strong_count(), 0, "a thread still holds the queue");
}

#[tokio::test]
async fn a_panic_costs_one_answer_and_not_the_thread() {
    #[derive(Debug)]
    struct Once(AtomicUsize);
    impl Random for Once {
        fn fill(&self, _: &mut [u8]) {
            assert_ne!(self.0.fetch_add(1, Ordering::SeqCst), 0, "the first draw fails");
        }
    }
    let hasher = PasswordHasher::new(light(1, 1, 1), Arc::new(Once(AtomicUsize::new(0)))).unwrap();
    assert_eq!(hasher.hash("pool", &"x".into()).await, Err(HashError::Stopped));
    assert!(hasher.hash("pool", &"x".into()).await.is_ok());
}
