//! Patterns: from Java's syntax and meaning to the `regex` crate's.
//!
//! In Java `\w`, `\d` and `\s` are ASCII and `.` stops at every line end; `regex` takes them as Unicode and `.` stops at
//! `\n` only. AWS matches the whole text. Whatever else Java knows and this module does not (look-around, back
//! references, class intersection) is refused.

use regex::Regex;

/// The pattern for the `regex` crate, anchored at both ends.
pub fn translate(java: &str) -> Result<String, String> {
    let mut out = String::from(r"\A(?:");
    let mut letters = java.chars().peekable();
    let mut depth = 0_usize;
    let mut dot_matches_all = false;
    while let Some(letter) = letters.next() {
        let in_class = depth > 0;
        match letter {
            '\\' => out.push_str(&escape(&mut letters, in_class)?),
            '[' => {
                depth += 1;
                out.push('[');
                // A class may begin with ^ and then with a literal ] in other dialects; in Java ] ends it.
                if letters.peek() == Some(&'^') {
                    out.extend(letters.next());
                }
            }
            ']' if in_class => {
                depth -= 1;
                out.push(']');
            }
            '&' if in_class && letters.peek() == Some(&'&') => return Err("class intersection".to_owned()),
            '-' if in_class => out.push_str(&hyphen(&out, letters.peek().copied())),
            '~' | '&' if in_class => out.extend(['\\', letter]),
            '(' if !in_class && letters.peek() == Some(&'?') => {
                letters.next();
                dot_matches_all |= group(&mut letters, &mut out)?;
            }
            '.' if !in_class && !dot_matches_all => out.push_str(r"[^\n\r\x{85}\x{2028}\x{2029}]"),
            other => out.push(other),
        }
    }
    out.push_str(r")\z");
    Regex::new(&out).map_err(|error| error.to_string())?;
    Ok(out)
}

/// What follows a backslash.
fn escape(letters: &mut impl Iterator<Item = char>, in_class: bool) -> Result<String, String> {
    let letter = letters.next().ok_or("a backslash at the end")?;
    let class = |inner: &str| if in_class { inner.to_owned() } else { format!("[{inner}]") };
    Ok(match letter {
        'w' => class("A-Za-z0-9_"),
        'd' => class("0-9"),
        's' => class(r" \t\n\x0B\x0C\r"),
        'W' => "[^A-Za-z0-9_]".to_owned(),
        'D' => "[^0-9]".to_owned(),
        'S' => r"[^ \t\n\x0B\x0C\r]".to_owned(),
        'p' | 'P' | 'x' | 't' | 'n' | 'r' | 'f' => format!("\\{letter}"),
        digit if digit.is_ascii_digit() => return Err("a back reference".to_owned()),
        other if other.is_ascii_alphabetic() => return Err(format!("the escape \\{other}")),
        '/' | '@' | ' ' | '_' | '%' | ',' | ':' | '=' | '"' | '\'' | ';' | '!' | '<' | '>' | '`' => letter.to_string(),
        punctuation => format!("\\{punctuation}"),
    })
}

/// A hyphen in a class: one that makes a range stays, one that can't is escaped.
fn hyphen(before: &str, after: Option<char>) -> String {
    let makes_range = !before.ends_with(['[', '^', ']'])
        && after.is_some_and(|after| after != ']' && after != '[')
        && !follows_range(before)
        && !follows_shorthand(before);
    if makes_range { "-".to_owned() } else { r"\-".to_owned() }
}

/// Whether the class so far ends in a range, so that a hyphen after it is a literal one.
fn follows_range(before: &str) -> bool {
    let mut letters = before.chars().rev();
    letters.next();
    letters.next() == Some('-') && letters.next() != Some('\\')
}

/// Whether the class so far ends in what a shorthand class was rewritten to.
fn follows_shorthand(before: &str) -> bool {
    [r"A-Za-z0-9_", r"\x0C\r"].iter().any(|class| before.ends_with(class))
}

/// What follows `(?`: a plain group or the flag that lets `.` match line ends. True for the flag.
fn group(letters: &mut impl Iterator<Item = char>, out: &mut String) -> Result<bool, String> {
    match letters.next() {
        Some(':') => {
            out.push_str("(?:");
            Ok(false)
        }
        Some('s') if letters.next() == Some(')') => {
            out.push_str("(?s)");
            Ok(true)
        }
        _ => Err("look-around or an unknown group".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(java: &str, text: &str) -> bool {
        Regex::new(&translate(java).unwrap()).unwrap().is_match(text)
    }

    #[test]
    fn the_whole_text_has_to_match() {
        assert!(matches("[0-9]+", "123"));
        assert!(!matches("[0-9]+", "123\n"));
        assert!(!matches("^[0-9]+$", "123\n"));
        assert!(!matches("[0-9]+", "a123"));
        assert!(!matches("a|b", "ab"));
    }

    #[test]
    fn shorthands_are_ascii() {
        assert!(matches(r"[\w+]+", "aZ09_+"));
        assert!(!matches(r"[\w+]+", "é"));
        assert!(!matches(r"\d+", "٣"));
        assert!(!matches(r"[\w\s]+", "a\u{a0}b"));
        assert!(matches(r"[\S]+", "\u{a0}é"));
        assert!(!matches(r"[\S]+", "a b"));
        assert!(matches(r"[\s]+", " \t\u{b}\u{c}\r\n"));
    }

    #[test]
    fn a_dot_stops_at_line_ends_unless_told_otherwise() {
        assert!(matches(r"^[\S]+.*[\S]+$", "a b"));
        assert!(!matches(r"^[\S]+.*[\S]+$", "a\u{2028} \u{2028}b\r c"));
        assert!(!matches(".*", "\r"));
        assert!(matches("(?s).*", "a\r\n\u{2028}"));
    }

    #[test]
    fn hyphens_in_classes() {
        assert!(matches("[A-Za-z0-9-_=.]+", "a-_=.Z9"));
        assert!(!matches("[A-Za-z0-9-_=.]+", "A:"));
        assert!(matches(r"[\w-]+_[0-9a-f-]+", "us-east-1_ab-12"));
        assert!(matches(r"[\w+-]+", "a+-"));
        assert!(!matches(r"[\w+-]+", "a,"));
        assert!(matches(r"^[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?$", "a-b"));
        assert!(matches(r"[\x21\x23-\x5B\x5D-\x7E]+", "!#a~"));
        assert!(!matches(r"[\x21\x23-\x5B\x5D-\x7E]+", "\\"));
        assert!(matches(r"[\w\s+=,.@-]+", "My pool-1"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for java in [r"^[a-z]*(?<!\.)$", "(?=a)b", r"(a)\1", r"[a-z&&[^b]]", r"\bword", "(", "\\"] {
            assert!(translate(java).is_err(), "{java}");
        }
    }
}
