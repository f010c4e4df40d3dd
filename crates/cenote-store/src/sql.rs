//! One SQL text for two engines: the few places where they differ are rewritten here.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// A piece of SQL text. Pieces joined give the text again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    /// A name, keyword or number.
    Word(&'a str),
    /// `$12`: what stands after the `$`.
    Parameter(&'a str),
    /// Quoted text, a quoted name or a comment: never changed.
    Opaque(&'a str),
    /// One other character.
    Other(&'a str),
}

/// Splits SQL into its pieces.
fn pieces(sql: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        let (piece, length) = first_piece(rest)?;
        rest = rest.get(length..)?;
        Some(piece)
    })
}

fn first_piece(sql: &str) -> Option<(Piece<'_>, usize)> {
    let first = sql.chars().next()?;
    if let Some(digits) = sql.strip_prefix('$').map(leading_digits).filter(|digits| !digits.is_empty()) {
        return Some((Piece::Parameter(digits), 1 + digits.len()));
    }
    if is_word(first) {
        let length = sql.find(|c: char| !is_word(c) && c != '$').unwrap_or(sql.len());
        return Some((Piece::Word(sql.get(..length)?), length));
    }
    if let Some(length) = opaque_length(sql, first) {
        return Some((Piece::Opaque(sql.get(..length)?), length));
    }
    Some((Piece::Other(sql.get(..first.len_utf8())?), first.len_utf8()))
}

/// The length of the quoted text or comment at the start of `sql`.
fn opaque_length(sql: &str, first: char) -> Option<usize> {
    if first == '\'' || first == '"' {
        Some(quoted_length(sql, first))
    } else if sql.starts_with("--") {
        Some(sql.find('\n').unwrap_or(sql.len()))
    } else {
        let inside = sql.strip_prefix("/*")?;
        Some(inside.find("*/").map_or(sql.len(), |at| at + 4))
    }
}

/// What a word begins with. Inside a word both engines allow `$` too, so `a$1` is a name and no parameter.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn leading_digits(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).unwrap_or("")
}

/// The length of the quoted text at the start of `sql`, both quotes included; a doubled quote does not end it.
fn quoted_length(sql: &str, quote: char) -> usize {
    let mut chars = sql.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + quote.len_utf8();
        }
    }
    sql.len()
}

/// `$1` → `?1`. In SQLite `$1` is a *name*, numbered in order of first appearance: `select $2, $1` would swap.
pub(crate) fn sqlite_parameters(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    for piece in pieces(sql) {
        match piece {
            Piece::Parameter(number) => {
                out.push('?');
                out.push_str(number);
            }
            Piece::Word(text) | Piece::Opaque(text) | Piece::Other(text) => out.push_str(text),
        }
    }
    out
}

/// Portable DDL as SQLite wants it: `bigint` → `integer`, `bytes` → `blob`, tables `strict`.
pub(crate) fn sqlite_ddl(portable: &str) -> String {
    let mut out = String::with_capacity(portable.len() + 64);
    let mut words = 0_usize;
    let mut is_create = false;
    let mut is_table = false;
    let mut depth = 0_usize;
    for piece in pieces(portable) {
        match piece {
            Piece::Word(word) => {
                words += 1;
                match words {
                    1 => is_create = word.eq_ignore_ascii_case("create"),
                    2 => is_table = is_create && word.eq_ignore_ascii_case("table"),
                    _ => {}
                }
                out.push_str(match word.to_ascii_lowercase().as_str() {
                    "bigint" => "integer",
                    "bytes" => "blob",
                    _ => word,
                });
            }
            Piece::Parameter(number) => {
                out.push('$');
                out.push_str(number);
            }
            Piece::Opaque(text) => out.push_str(text),
            Piece::Other(text) => {
                out.push_str(text);
                match text {
                    "(" => depth += 1,
                    ")" => {
                        depth = depth.saturating_sub(1);
                        if depth == 0 && is_table {
                            out.push_str(" strict");
                            is_table = false;
                        }
                    }
                    ";" => (words, is_create, is_table) = (0, false, false),
                    _ => {}
                }
            }
        }
    }
    out
}

/// Portable DDL as PostgreSQL wants it: `bytes` → `bytea`, and text that sorts by bytes as it does in SQLite.
pub(crate) fn postgres_ddl(portable: &str) -> String {
    let mut out = String::with_capacity(portable.len() + 256);
    for piece in pieces(portable) {
        match piece {
            Piece::Word(word) => out.push_str(match word.to_ascii_lowercase().as_str() {
                "text" => "text collate \"C\"",
                "bytes" => "bytea",
                _ => word,
            }),
            Piece::Parameter(number) => {
                out.push('$');
                out.push_str(number);
            }
            Piece::Opaque(text) | Piece::Other(text) => out.push_str(text),
        }
    }
    out
}

/// Rewritten statements, remembered by the statement's place in the program: statements are `&'static str`, so there
/// are finitely many and a place never holds another text.
#[derive(Debug, Default)]
pub(crate) struct Memo(RwLock<HashMap<(usize, usize, u8), Arc<str>>>);

impl Memo {
    /// The rewritten form of `sql`, made once per `form`.
    pub(crate) fn get(&self, sql: &'static str, form: u8, rewrite: impl FnOnce(&str) -> String) -> Arc<str> {
        let key = (sql.as_ptr() as usize, sql.len(), form);
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let rewritten: Arc<str> = rewrite(sql).into();
        self.0.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(rewritten).clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_become_numbered() {
        assert_eq!(sqlite_parameters("select $2, $1 from t where a=$10"), "select ?2, ?1 from t where a=?10");
        assert_eq!(sqlite_parameters("cast($1 as text)||$2"), "cast(?1 as text)||?2");
    }

    #[test]
    fn quoted_text_names_and_comments_stay() {
        for same in [
            "select '$1', 'it''s $2', \"$3\", \"a\"\"$4\"",
            "select 1 -- $1\n",
            "select 1 -- it's $1",
            "/* $1 ' */ select 1",
            "select a$1 from t",
            "select '$1",
            "/* $1",
            "/*/ $1 */",
            "select $$ , $a",
        ] {
            assert_eq!(sqlite_parameters(same), same);
        }
        assert_eq!(sqlite_parameters("-- it's\n$1 /* ' */ $2 '' $3"), "-- it's\n?1 /* ' */ ?2 '' ?3");
        assert_eq!(sqlite_parameters("'é'$1'ü$2'"), "'é'?1'ü$2'");
    }

    #[test]
    fn ddl_for_each_engine() {
        let portable = "-- bytes, text\ncreate table if not exists a (\n  id text not null primary key,\n  n bigint,\n  \
                        b bytes not null default '',\n  check (n in (1, 2))\n);\ncreate index a_n on a (n);\n";
        assert_eq!(
            sqlite_ddl(portable),
            "-- bytes, text\ncreate table if not exists a (\n  id text not null primary key,\n  n integer,\n  \
             b blob not null default '',\n  check (n in (1, 2))\n) strict;\ncreate index a_n on a (n);\n"
        );
        assert_eq!(
            postgres_ddl(portable),
            "-- bytes, text\ncreate table if not exists a (\n  id text collate \"C\" not null primary key,\n  \
             n bigint,\n  b bytea not null default '',\n  check (n in (1, 2))\n);\ncreate index a_n on a (n);\n"
        );
    }

    #[test]
    fn every_table_becomes_strict_and_nothing_else() {
        let ddl = sqlite_ddl("create table a (x text); create unique index i on a (x); create table b (y bytes)");
        assert_eq!(
            ddl,
            "create table a (x text) strict; create unique index i on a (x); create table b (y blob) strict"
        );
        assert_eq!(sqlite_ddl("alter table a add column z bigint;"), "alter table a add column z integer;");
    }

    #[test]
    fn a_statement_is_rewritten_once_per_form() {
        let memo = Memo::default();
        let sql = "select $1";
        let first = memo.get(sql, 0, sqlite_parameters);
        let second = memo.get(sql, 0, |_| "never made".to_owned());
        let other = memo.get(sql, 1, |_| "another form".to_owned());
        assert_eq!((&*first, &*second, &*other), ("select ?1", "select ?1", "another form"));
    }

    /// A fragment and what it becomes.
    fn fragment() -> impl Strategy<Value = (String, String)> {
        let same = |text: String| (text.clone(), text);
        prop_oneof![
            (1_u32..2000).prop_map(|n| (format!("${n}"), format!("?{n}"))),
            "[^']{0,12}".prop_map(move |t| same(format!("'{t}'"))),
            "[^']{0,6}".prop_map(move |t| same(format!("'{t}''$1{t}'"))),
            "[^\"]{0,12}".prop_map(move |t| same(format!("\"{t}\""))),
            "[^\n]{0,12}".prop_map(move |t| same(format!("--{t}\n"))),
            "[^*]{0,12}".prop_map(move |t| same(format!("/*{t}*/"))),
            "[a-z_é][a-z0-9_é]{0,8}".prop_map(same),
            "[=<>+,()]{1,3}".prop_map(same),
        ]
    }

    proptest! {
        #[test]
        fn only_parameters_change(fragments in proptest::collection::vec(fragment(), 0..20)) {
            let join = |f: fn(&(String, String)) -> &str| fragments.iter().map(f).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(sqlite_parameters(&join(|f| &f.0)), join(|f| &f.1));
        }

        #[test]
        fn pieces_joined_are_the_text(sql in ".{0,200}") {
            let joined: String = pieces(&sql).map(|piece| match piece {
                Piece::Parameter(number) => format!("${number}"),
                Piece::Word(text) | Piece::Opaque(text) | Piece::Other(text) => text.to_owned(),
            }).collect();
            prop_assert_eq!(joined, sql);
        }
    }
}
