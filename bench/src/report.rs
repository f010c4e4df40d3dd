//! How figures are printed.

/// One figure.
pub fn line(what: &str, figure: &str) {
    println!("{what:<58} {figure:>16}");
}

/// A rate beside its limit.
pub fn ratio(what: &str, rate: f64, limit_is: &str, limit: f64) {
    line(limit_is, &format!("{limit:.0}/s"));
    line(what, &format!("{rate:.0}/s"));
    line("  ratio", &format!("{:.0} %", 100.0 * rate / limit.max(f64::MIN_POSITIVE)));
    println!();
}
