//! Arithmetic modulo the 3072-bit prime of RFC 5054 (the one of RFC 3526 §5), in Montgomery form.

use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{CtAssign, CtEq, U256, U3072, const_monty_params};
use zeroize::{Zeroize, Zeroizing};

use super::number::copy;

/// Bytes of a group element.
pub(super) const ELEMENT: usize = 384;
/// Bytes of an exponent on the server's side: b, x and u.
pub(super) const EXPONENT: usize = 32;

const N: &str = concat!(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD",
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F",
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B",
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510",
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7",
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C",
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
);

const_monty_params!(Prime, U3072, N, "The group's modulus N, a safe prime.");

type Form = ConstMontyForm<Prime, { U3072::LIMBS }>;

/// The generator g.
const G: Form = Form::new(&U3072::from_u8(2));
/// k = H(pad(N) ‖ pad(g)).
const K: Form =
    Form::new(&U256::from_be_hex("538282c4354742d7cbbde2359fcf67f9f5b3a6b08791e5011b43b8a5b66d9ee6").resize());

/// A number modulo N.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Element(Form);

impl Zeroize for Element {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Element {
    pub(super) const ONE: Self = Self(Form::ONE);
    pub(super) const GENERATOR: Self = Self(G);
    pub(super) const MULTIPLIER: Self = Self(K);

    /// The big-endian number modulo N, which it may exceed; `None` when it has more bytes than N.
    pub(super) fn reduced(bytes: &[u8]) -> Option<Self> {
        let number = read(bytes)?;
        Some(Self(Form::new(&number)))
    }

    /// The big-endian number, which is less than N.
    pub(super) fn exact(bytes: &[u8]) -> Option<Self> {
        let number = read(bytes)?;
        (*number < *Form::MODULUS.as_ref()).then(|| Self(Form::new(&number)))
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0 == Form::ZERO
    }

    /// Big-endian, with leading zeros.
    pub(super) fn to_bytes(self) -> Zeroizing<[u8; ELEMENT]> {
        let mut out = Zeroizing::new([0; ELEMENT]);
        let mut encoded = self.0.retrieve().to_be_bytes();
        copy(out.as_mut(), encoded.as_slice());
        encoded.as_mut_slice().zeroize();
        out
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        Self(self.0.mul(&other.0))
    }

    pub(super) fn squared(&self) -> Self {
        Self(self.0.square())
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        Self(self.0.add(&other.0))
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        Self(self.0.sub(&other.0))
    }

    /// The power, in the constant time of 256 bits.
    pub(super) fn pow(&self, exponent: &[u8; EXPONENT]) -> Self {
        self.pow_wide(&Zeroizing::new(U256::from_be_slice(exponent).resize()), U256::BITS)
    }

    /// The power with an exponent of at most `bits` bits, on which alone the time depends.
    pub(super) fn pow_wide(&self, exponent: &U3072, bits: u32) -> Self {
        // "Almost Montgomery" products are reduced at the end only: five percent quicker than the plain method, and so
        // the constant-time power is as quick as a variable-time one would be where the exponent is public.
        Self(self.0.pow_amm_bounded_exp(exponent, bits))
    }

    /// The entry of `table` at `index`, in a time that depends on the table's length only.
    pub(super) fn look_up(table: &[Self], index: u32) -> Self {
        let mut found = Self::ONE;
        for (position, entry) in (0_u32..).zip(table) {
            found.0.ct_assign(&entry.0, position.ct_eq(&index));
        }
        found
    }
}

/// A big-endian number of up to 3072 bits.
pub(super) fn read(bytes: &[u8]) -> Option<Zeroizing<U3072>> {
    let zeros = ELEMENT.checked_sub(bytes.len())?;
    let mut whole = Zeroizing::new([0; ELEMENT]);
    copy(whole.get_mut(zeros..)?, bytes);
    Some(Zeroizing::new(U3072::from_be_slice(whole.as_ref())))
}

#[cfg(test)]
pub(super) fn prime_bytes() -> Vec<u8> {
    hex::decode(N).unwrap()
}
