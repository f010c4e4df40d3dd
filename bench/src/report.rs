//! How figures are printed.

use crate::cpu::Measured;

/// One figure.
pub fn line(what: &str, figure: &str) {
    println!("{what:<66} {figure:>12}");
}

/// A figure that should not be above its bound.
pub fn bounded(what: &str, figure: f64, unit: &str, bound: f64) {
    line(what, &format!("{figure:.1} {unit}"));
    line("  bound", &format!("{bound:.0} {unit}"));
}

/// A rate by the clock beside its limit.
pub fn ratio(what: &str, rate: f64, limit_is: &str, limit: f64) {
    line(limit_is, &format!("{limit:.0}/s"));
    line(what, &format!("{rate:.0}/s"));
    line("  ratio", &percent(rate, limit));
    println!();
}

/// A rate beside its limit, both for each second of CPU time and by the clock; the ratio is that of the CPU time, and
/// `goal` what it should be in percent.
pub fn per_core(what: &str, rate: Measured, limit_is: &str, limit: Measured, goal: u32) {
    for (what, rate) in [(limit_is, limit), (what, rate)] {
        line(&format!("{what}, a second of CPU time"), &format!("{:.0}", rate.per_core()));
        line("  by the clock", &format!("{:.0}/s", rate.per_second()));
    }
    line("  ratio of CPU time", &percent(rate.per_core(), limit.per_core()));
    line("  goal", &format!("{goal} %"));
    println!();
}

fn percent(rate: f64, limit: f64) -> String {
    format!("{:.0} %", 100.0 * rate / limit.max(f64::MIN_POSITIVE))
}
