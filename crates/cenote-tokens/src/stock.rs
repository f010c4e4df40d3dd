//! New RSA keys. Making one takes 30 to 100 ms of CPU, so it is done on blocking threads, few at a time, and a small stock
//! of ready keys lets CreateUserPool answer at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use cenote_base::SecretBytes;
use tokio::sync::Semaphore;

use crate::crypto::CryptoFailed;
use crate::jws;
use crate::signing::SigningError;

/// How many keys are made at the same time for callers that wait. More would take the CPU from everybody else.
const AT_ONCE: usize = 2;

/// A new key pair, in the form in which it is stored.
pub(crate) struct NewPair {
    /// PKCS#8, DER.
    pub(crate) private: SecretBytes,
    /// RSAPublicKey, DER.
    pub(crate) public: Vec<u8>,
}

fn generate() -> Result<NewPair, CryptoFailed> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| CryptoFailed("RSA key generation"))?;
    let private = pair.as_der().map_err(|_| CryptoFailed("PKCS#8"))?;
    Ok(NewPair { private: SecretBytes::new(private.as_ref().to_vec()), public: jws::public_der(&pair) })
}

/// Ready keys. Empty, and kept empty, until [`Stock::keep`] asks for some.
pub(crate) struct Stock {
    ready: Mutex<VecDeque<NewPair>>,
    wanted: AtomicUsize,
    filling: AtomicBool,
    waiting: Semaphore,
}

impl Stock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            ready: Mutex::default(),
            wanted: AtomicUsize::new(0),
            filling: AtomicBool::new(false),
            waiting: Semaphore::new(AT_ONCE),
        })
    }

    /// From now on keeps this many keys ready.
    pub(crate) fn keep(self: &Arc<Self>, pairs: usize) {
        self.wanted.store(pairs, Ordering::SeqCst);
        self.refill();
    }

    /// A ready key, or a new one.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<NewPair, SigningError> {
        let ready = self.ready().pop_front();
        if let Some(pair) = ready {
            self.refill();
            return Ok(pair);
        }
        let _turn = self.waiting.acquire().await.map_err(|_| SigningError::Stopping)?;
        Ok(tokio::task::spawn_blocking(generate).await.map_err(|_| SigningError::Stopping)??)
    }

    /// How many keys are ready.
    pub(crate) fn len(&self) -> usize {
        self.ready().len()
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<NewPair>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_short(&self) -> bool {
        self.len() < self.wanted.load(Ordering::SeqCst)
    }

    /// Starts the one filler, unless it runs. It ends when the stock is full or nobody holds the stock any more.
    fn refill(self: &Arc<Self>) {
        if !self.is_short() || self.filling.swap(true, Ordering::SeqCst) {
            return;
        }
        let stock = Arc::downgrade(self);
        tokio::task::spawn_blocking(move || {
            while let Some(stock) = stock.upgrade() {
                if stock.is_short() {
                    match generate() {
                        Ok(pair) => stock.ready().push_back(pair),
                        Err(error) => {
                            tracing::error!(%error, "no signing key for the stock; the next caller will wait for one");
                            stock.filling.store(false, Ordering::SeqCst);
                            return;
                        }
                    }
                    continue;
                }
                stock.filling.store(false, Ordering::SeqCst);
                // Somebody may have taken a key since the stock was found full, and seen a filler at work.
                if !stock.is_short() || stock.filling.swap(true, Ordering::SeqCst) {
                    return;
                }
            }
        });
    }
}
