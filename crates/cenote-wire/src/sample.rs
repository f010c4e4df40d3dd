//! Values of every shape to test with, and the tests that hold for every shape.

use cenote_base::{RandomExt, SeededRandom};
use proptest::prelude::*;
use serde_json::Value;

use crate::api::{Api, OperationVisitor};
use crate::shape::{Shape, Structure};
use crate::target::Target;
use crate::{idp, json};

/// Where samples come from.
#[derive(Debug)]
pub struct Draw {
    random: SeededRandom,
    full: bool,
}

impl Draw {
    /// Some members, lists of any length, any text.
    fn any(seed: u64) -> Self {
        Self { random: SeededRandom::new(seed), full: false }
    }

    /// Every member, lists of one, texts that say what they are.
    fn full() -> Self {
        Self { random: SeededRandom::new(0), full: true }
    }

    pub fn is_present(&mut self) -> bool {
        self.full || self.below(2) == 1
    }

    pub fn length(&mut self) -> u32 {
        if self.full { 1 } else { self.below(3) }
    }

    pub fn below(&mut self, bound: u32) -> u32 {
        self.random.below(bound)
    }

    pub fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len() as u32) as usize]
    }

    pub fn text(&mut self, what: &str) -> String {
        if self.full {
            return what.to_owned();
        }
        let pieces = ["a", "Z", "9", " ", "\"", "\\", "\n", "\u{0}", "\u{1f}", "é", "\u{2028}", "💧", "/", what];
        (0..self.below(6)).map(|_| pieces[self.below(pieces.len() as u32) as usize]).collect()
    }
}

/// Runs a check on the input and on the output of every operation.
fn for_every_shape(mut check: impl FnMut(Target, &dyn Checks)) {
    struct Visit<'a>(Target, &'a mut dyn FnMut(Target, &dyn Checks));

    impl OperationVisitor for Visit<'_> {
        type Output = ();

        fn visit<A: Api>(self) {
            (self.1)(self.0, &Kept::<A::Input>(std::marker::PhantomData));
            (self.1)(self.0, &Kept::<A::Output>(std::marker::PhantomData));
        }
    }

    for target in Target::all() {
        target.visit(Visit(target, &mut check));
    }
}

struct Kept<T>(std::marker::PhantomData<T>);

trait Checks {
    fn debug(&self, draw: &mut Draw) -> String;
    fn round_trip(&self, draw: &mut Draw);
}

impl<T: Structure> Checks for Kept<T> {
    fn debug(&self, draw: &mut Draw) -> String {
        let value = T::sample(draw);
        format!("{value:?} {value:#?}")
    }

    fn round_trip(&self, draw: &mut Draw) {
        let value = T::sample(draw);
        let body = json::encode(&value);
        if !T::HAS_BODY {
            assert_eq!(body, b"");
            return;
        }
        assert_eq!(json::decode_unchecked::<T>(&body).unwrap(), value);
        // What is written and what serde gives is the same.
        let tree: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(tree, value.to_json());
        assert_eq!(T::from_json(tree).unwrap(), value);
    }
}

#[test]
fn debug_never_prints_what_is_sensitive() {
    let mut printed = 0;
    for_every_shape(|target, shape| {
        let text = shape.debug(&mut Draw::full());
        assert!(!text.contains("hidden"), "{target:?}: {text}");
        printed += usize::from(text.contains("***"));
    });
    assert!(printed > 100, "{printed}");
}

#[test]
fn what_sounds_like_a_credential_is_hidden() {
    // Names, ids and page tokens that grant nothing.
    let harmless = [
        "actor_token_provider_name",
        "client_secret_id",
        "credential_id",
        "friendly_credential_name",
        "next_token",
        "origin_session_id",
        "pagination_token",
        "pre_token_generation",
        "session_id",
        "subject_token_provider_name",
        "token_type",
    ];
    let word = regex::Regex::new(
        r#"([a-z_]*(?:password|token|secret|session|code|verifier|hash|credential|filter|challenge_parameters)[a-z_]*): (?:"|\{"key": ")shown"#,
    );
    let word = word.unwrap();
    let mut printed = std::collections::BTreeSet::new();
    for_every_shape(|_, shape| {
        let text = shape.debug(&mut Draw::full());
        printed.extend(word.captures_iter(&text).map(|found| found[1].to_owned()));
    });
    assert_eq!(printed, harmless.map(str::to_owned).into());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_shape_comes_back_as_it_was_written(seed: u64) {
        for_every_shape(|_, shape| shape.round_trip(&mut Draw::any(seed)));
    }
}

#[test]
fn serde_reads_and_writes_the_same() {
    let input = idp::SignUpRequest::sample(&mut Draw::full());
    let text = serde_json::to_string(&input).unwrap();
    assert_eq!(text.as_bytes(), json::encode(&input));
    assert_eq!(serde_json::from_str::<idp::SignUpRequest>(&text).unwrap(), input);
}
