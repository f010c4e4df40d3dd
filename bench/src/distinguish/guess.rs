//! What a guesser learns from some answers and how often it is right about others.

use std::collections::HashMap;

/// What is seen of one answer.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What is to be guessed.
    pub exists: bool,
    /// In seconds.
    pub took: f64,
    /// What else it shows, by what it is called; the same names in the same order in every answer.
    pub shows: Vec<(&'static str, String)>,
}

/// How often each guess is right about the second half of the answers, having learned from the first.
pub fn accuracies(seen: &[Seen]) -> Vec<(&'static str, f64)> {
    let (first, second) = seen.split_at(seen.len() / 2);
    let split = Split::learn(first.iter().map(|seen| (seen.took, seen.exists)).collect());
    let mut all = vec![("time", right(second, |seen| split.guess(seen.took)))];
    let names: Vec<_> = seen.first().map(|seen| seen.shows.iter().map(|(name, _)| *name).collect()).unwrap_or_default();
    for (at, name) in names.into_iter().enumerate() {
        let value = |seen: &Seen| seen.shows.get(at).map(|(_, value)| value.clone()).unwrap_or_default();
        let mut votes: HashMap<String, i64> = HashMap::new();
        for seen in first {
            *votes.entry(value(seen)).or_default() += if seen.exists { 1 } else { -1 };
        }
        // What was never seen before is taken for a user.
        all.push((name, right(second, |seen| votes.get(&value(seen)).is_none_or(|votes| *votes >= 0))));
    }
    all
}

/// The share of right guesses. A guesser that is nearly always wrong knows as much as one that is nearly always right.
fn right(seen: &[Seen], guess: impl Fn(&Seen) -> bool) -> f64 {
    let right = seen.iter().filter(|seen| guess(seen) == seen.exists).count();
    let share = right as f64 / seen.len().max(1) as f64;
    share.max(1.0 - share)
}

/// A bound on a number: on one side of it are those that exist.
#[derive(Clone, Copy, Debug)]
struct Split {
    bound: f64,
    exist_above: bool,
}

impl Split {
    /// The bound, and the side, that is right most often.
    fn learn(mut samples: Vec<(f64, bool)>) -> Self {
        samples.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let exist = samples.iter().filter(|(_, exists)| *exists).count();
        let (mut below_exist, mut below) = (0_usize, 0_usize);
        let mut best = (0, Self { bound: f64::NEG_INFINITY, exist_above: true });
        for (at, (took, exists)) in samples.iter().enumerate() {
            let next = samples.get(at + 1).map_or(f64::INFINITY, |(next, _)| *next);
            below += 1;
            below_exist += usize::from(*exists);
            if next <= *took {
                // No bound parts what took equally long.
                continue;
            }
            // Right when those that exist are above: they above, and the others below.
            let above_right = (exist - below_exist) + (below - below_exist);
            for (right, exist_above) in [(above_right, true), (samples.len() - above_right, false)] {
                if right > best.0 {
                    best = (right, Self { bound: took.midpoint(next), exist_above });
                }
            }
        }
        best.1
    }

    fn guess(self, took: f64) -> bool {
        (took > self.bound) == self.exist_above
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(exists: bool, took: f64, word: &str) -> Seen {
        Seen { exists, took, shows: vec![("word", word.to_owned())] }
    }

    fn pairs(known: impl Fn(usize) -> Seen, unknown: impl Fn(usize) -> Seen) -> Vec<(&'static str, f64)> {
        accuracies(&(0..1000).flat_map(|pair| [known(pair), unknown(pair)]).collect::<Vec<_>>())
    }

    #[test]
    fn what_differs_is_found_on_either_side() {
        let slower = pairs(|n| seen(true, 2.0 + n as f64 / 1e4, "a"), |n| seen(false, 1.0 + n as f64 / 1e4, "a"));
        assert_eq!(slower, [("time", 1.0), ("word", 0.5)]);
        let faster = pairs(|_| seen(true, 1.0, "a"), |_| seen(false, 2.0, "b"));
        assert_eq!(faster, [("time", 1.0), ("word", 1.0)]);
    }

    #[test]
    fn what_differs_in_some_answers_is_found_in_those() {
        let half = pairs(|n| seen(true, 1.0, if n % 2 == 0 { "a" } else { "b" }), |_| seen(false, 1.0, "b"));
        assert_eq!(half, [("time", 0.5), ("word", 0.75)]);
    }

    #[test]
    fn what_is_the_same_is_not_told_apart() {
        // Times that have nothing to do with who asks.
        let time = |n: usize, of: usize| ((n * 7919 + of * 104_729) % 1000) as f64;
        let [(_, time), (_, word)] = pairs(|n| seen(true, time(n, 0), "a"), |n| seen(false, time(n, 1), "a"))[..]
        else {
            unreachable!()
        };
        assert!(time < 0.56, "{time}");
        assert_eq!(word, 0.5);
    }
}
