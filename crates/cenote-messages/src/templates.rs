//! The texts of messages: Cognito's defaults, and how a template becomes a message.
//!
//! A pool may replace each default by a template of its own; choosing it is the caller's work. Templates are written
//! by administrators and taken as they are; what is inserted comes from users and is escaped where the message is HTML.

use std::fmt;

use cenote_base::Secret;

use crate::{Medium, MessageKind};

/// Where the code or the temporary password goes.
pub const CODE: &str = "{####}";
/// Where the user name goes.
pub const USERNAME: &str = "{username}";

const LINK_START: &str = "{##";
const LINK_END: &str = "##}";

/// A subject (e-mail only) and a body with placeholders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Nothing is inserted into a subject: Cognito does not either, and a code in it would stand in every notification.
    pub subject: Option<&'static str>,
    /// The body, with [`CODE`] and perhaps [`USERNAME`], or with a `{##link text##}`.
    pub body: &'static str,
}

/// What Cognito sends for `kind` where the pool has no template of its own.
///
/// The verification, invitation and password texts are those that users of Cognito receive; that SMS has the same words
/// as e-mail, and the words of e-mail MFA, are unconfirmed.
pub fn default(kind: MessageKind, medium: Medium) -> Template {
    let (subject, body) = match kind {
        MessageKind::AdminCreateUser => {
            ("Your temporary password", "Your username is {username} and temporary password is {####}.")
        }
        MessageKind::ForgotPassword => ("Your verification code", "Your password reset code is {####}"),
        MessageKind::Authentication => ("Your authentication code", "Your authentication code is {####}."),
        MessageKind::SignUp
        | MessageKind::ResendCode
        | MessageKind::UpdateUserAttribute
        | MessageKind::VerifyUserAttribute => ("Your verification code", "Your confirmation code is {####}"),
    };
    Template { subject: (medium == Medium::Email).then_some(subject), body }
}

/// What Cognito sends at sign-up and resend where the pool confirms by a link (`CONFIRM_WITH_LINK`) and has no template
/// of its own.
pub const DEFAULT_LINK: Template = Template {
    subject: Some("Your verification link"),
    body: "Please click the link below to verify your email address. {##Verify Email##} ",
};

/// A link that may stand in a message: an absolute `http` or `https` URL.
#[derive(Clone)]
pub struct Link(Secret);

/// A text that may not become a link. It is not repeated: the link of a message carries the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a link must be an absolute http or https URL without spaces, quotes or control characters")]
pub struct InvalidLink;

impl Link {
    /// Takes a URL over that was built from the configured public URL; never from anything a request brought.
    ///
    /// # Errors
    /// When the text is no absolute `http` or `https` URL, or has a character that a URL writes encoded.
    pub fn new(url: impl Into<Secret>) -> Result<Self, InvalidLink> {
        let secret = url.into();
        let url = secret.expose();
        let has_host = ["https://", "http://"]
            .iter()
            .filter_map(|scheme| url.strip_prefix(scheme))
            .any(|rest| rest.chars().next().is_some_and(|first| !"/?#".contains(first)));
        let is_plain = !url.chars().any(|c| c.is_control() || c.is_whitespace() || "\"'<>\\`".contains(c));
        if has_host && is_plain { Ok(Self(secret)) } else { Err(InvalidLink) }
    }
}

/// Hides the URL: its query carries the code.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(***)")
    }
}

/// Puts the code (or temporary password) and the user name into a template, in one pass: a placeholder inside an
/// inserted text stays what it is. In an e-mail, which is HTML, both are escaped, so that a temporary password with `<`
/// in it is read as it was made.
pub fn render(medium: Medium, template: &str, code: &Secret, username: &str) -> Secret {
    let (code, username) = match medium {
        Medium::Email => (Secret::new(escape_html(code.expose())), escape_html(username)),
        Medium::Sms => (code.clone(), username.to_owned()),
    };
    join(placeholders(template).map(|piece| match piece {
        Piece::Text(text) => text,
        Piece::Code => code.expose(),
        Piece::Username => &username,
    }))
}

/// Puts a link in the place of each `{##text##}` of an e-mail's template; a link without text shows its URL.
/// `{username}` is replaced as in [`render`].
pub fn render_link(template: &str, link: &Link, username: &str) -> Secret {
    let url = Secret::new(escape_html(link.0.expose()));
    let username = escape_html(username);
    let mut parts = Vec::new();
    let mut rest = template;
    loop {
        let found = rest
            .split_once(LINK_START)
            .and_then(|(before, tail)| tail.split_once(LINK_END).map(|(text, after)| (before, text, after)));
        let (before, text, after) = found.unwrap_or((rest, "", ""));
        parts.extend(placeholders(before).map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Code => CODE,
            Piece::Username => &username,
        }));
        if found.is_none() {
            return join(parts.into_iter());
        }
        let shown = if text.trim().is_empty() { url.expose() } else { text };
        parts.extend(["<a href=\"", url.expose(), "\">", shown, "</a>"]);
        rest = after;
    }
}

enum Piece<'a> {
    Text(&'a str),
    Code,
    Username,
}

/// The template's pieces, from left to right.
fn placeholders(template: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = template;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        for (placeholder, piece) in [(CODE, Piece::Code), (USERNAME, Piece::Username)] {
            if let Some(after) = rest.strip_prefix(placeholder) {
                rest = after;
                return Some(piece);
            }
        }
        let next = [CODE, USERNAME].iter().filter_map(|placeholder| rest.find(placeholder)).min().unwrap_or(rest.len());
        let (text, after) = rest.split_at(next);
        rest = after;
        Some(Piece::Text(text))
    })
}

/// Joins the parts in one allocation: a string that grows would leave copies of the code in memory that was given back.
fn join<'a>(parts: impl Iterator<Item = &'a str>) -> Secret {
    Secret::new(parts.collect::<Vec<_>>().concat())
}

/// Escapes what has a meaning in HTML text and in a quoted attribute.
fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * "&quot;".len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rendered(medium: Medium, template: &str, code: &str, username: &str) -> String {
        render(medium, template, &Secret::new(code), username).into_exposed()
    }

    #[test]
    fn the_defaults_hold_what_they_must() {
        for kind in MessageKind::ALL {
            for medium in [Medium::Email, Medium::Sms] {
                let template = default(*kind, medium);
                assert!(template.body.contains(CODE), "{kind:?}");
                assert_eq!(template.subject.is_some(), medium == Medium::Email, "{kind:?}");
                assert_eq!(template.body.contains(USERNAME), *kind == MessageKind::AdminCreateUser, "{kind:?}");
            }
        }
        assert_eq!(
            rendered(Medium::Email, default(MessageKind::SignUp, Medium::Email).body, "123456", "alice"),
            "Your confirmation code is 123456"
        );
        assert_eq!(
            rendered(Medium::Sms, default(MessageKind::AdminCreateUser, Medium::Sms).body, "Pa55-word", "alice"),
            "Your username is alice and temporary password is Pa55-word."
        );
    }

    #[test]
    fn what_is_inserted_is_escaped_in_html_only() {
        let template = "<b>{username}</b> {####}";
        assert_eq!(
            rendered(Medium::Email, template, "a<b&'c'", "<img src=\"x\">"),
            "<b>&lt;img src=&quot;x&quot;&gt;</b> a&lt;b&amp;&#39;c&#39;"
        );
        assert_eq!(rendered(Medium::Sms, template, "a<b", "<x>"), "<b><x></b> a<b");
    }

    #[test]
    fn a_placeholder_in_a_name_stays_text() {
        assert_eq!(rendered(Medium::Sms, "{username}: {####}", "1", "{####}{username}"), "{####}{username}: 1");
        assert_eq!(rendered(Medium::Sms, "{{####}} {username {#### }", "1", "x"), "{1} {username {#### }");
    }

    #[test]
    fn links_are_written_with_an_escaped_address() {
        let link = Link::new("https://id.example.com/p/confirmUser?client_id=c&user_name=a%20b").unwrap();
        assert_eq!(
            render_link(DEFAULT_LINK.body, &link, "alice").expose(),
            "Please click the link below to verify your email address. \
             <a href=\"https://id.example.com/p/confirmUser?client_id=c&amp;user_name=a%20b\">Verify Email</a> "
        );
        let link = Link::new("http://localhost:9400/x").unwrap();
        assert_eq!(
            render_link("{username}{##a##}{##<i>b</i>##}", &link, "<x>").expose(),
            "&lt;x&gt;<a href=\"http://localhost:9400/x\">a</a><a href=\"http://localhost:9400/x\"><i>b</i></a>"
        );
        assert_eq!(
            render_link("{####} {##open", &link, "x").expose(),
            "<a href=\"http://localhost:9400/x\">http://localhost:9400/x</a> {##open"
        );
    }

    #[test]
    fn only_web_addresses_become_links() {
        for bad in [
            "",
            "javascript:alert(1)",
            "//example.com/x",
            "https://",
            "https:///x",
            "https://?x",
            "https://e.com/\"onclick=\"",
            "https://e.com/ x",
            "https://e.com/\r\nx",
            "ftp://e.com/",
        ] {
            assert!(Link::new(bad).is_err(), "{bad}");
        }
        assert_eq!(format!("{:?}", Link::new("https://e.com/?confirmation_code=123456").unwrap()), "Link(***)");
    }

    proptest! {
        #[test]
        fn text_around_the_placeholders_is_kept(before in "[^{]*", between in "[^{]*", after in "[^{]*",
                                                code in "[0-9]{6}", username in "[a-z{}#]{0,20}") {
            let template = format!("{before}{{####}}{between}{{username}}{after}");
            prop_assert_eq!(
                rendered(Medium::Sms, &template, &code, &username),
                format!("{before}{code}{between}{username}{after}")
            );
        }

        #[test]
        fn a_template_without_placeholders_is_kept(template in "[^#]*") {
            prop_assume!(!template.contains(USERNAME));
            prop_assert_eq!(rendered(Medium::Email, &template, "1", "x"), template.clone());
        }

        #[test]
        fn a_name_never_brings_markup_into_an_email(username: String, code: String) {
            let body = rendered(Medium::Email, "{username}{####}", &code, &username);
            prop_assert!(!body.contains(['<', '>', '"', '\'']));
            let unescaped = body.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"")
                .replace("&#39;", "'").replace("&amp;", "&");
            prop_assert_eq!(unescaped, format!("{username}{code}"));
        }

        #[test]
        fn a_link_has_one_target(template: String, path in "[a-z0-9/&=%?]{0,30}", username: String) {
            let link = Link::new(format!("https://id.example.com/{path}")).unwrap();
            let template = template.replace("href", "");
            let body = render_link(&template, &link, &username);
            let target = format!("<a href=\"https://id.example.com/{}\">", path.replace('&', "&amp;"));
            let plain_name = username.replace("href=", "");
            prop_assume!(plain_name == username);
            prop_assert_eq!(body.expose().matches("href=").count(), body.expose().matches(&target).count());
        }
    }
}
