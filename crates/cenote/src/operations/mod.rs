//! `cenote operations`: every operation of every service and whether it is implemented.

use cenote_wire::{Auth, Service, Target};

use crate::cli::OperationsFormat;

/// Whether an operation is implemented, as the wiring knows it.
pub type IsImplemented = fn(Target) -> bool;

/// What of the settings is still to be built, for the page.
const SETTINGS: &str = include_str!("settings.md");

/// The list in a format; it ends with a line feed.
pub fn list(format: OperationsFormat, is_implemented: IsImplemented) -> String {
    match format {
        OperationsFormat::Text => text(is_implemented),
        OperationsFormat::Json => json(is_implemented),
        OperationsFormat::Markdown => markdown(is_implemented),
    }
}

fn text(is_implemented: IsImplemented) -> String {
    Target::all()
        .map(|target| {
            let service = target.service().signing_name();
            format!("{service:<17} {:<45} {}\n", target.name(), status(is_implemented(target)))
        })
        .collect()
}

fn json(is_implemented: IsImplemented) -> String {
    let operations: Vec<_> = Target::all()
        .map(|target| {
            serde_json::json!({
                "service": target.service().signing_name(),
                "operation": target.name(),
                "credentials": credentials(target.auth()),
                "implemented": is_implemented(target),
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::from(operations))
}

fn markdown(is_implemented: IsImplemented) -> String {
    let mut page = "# Compatibility\n\n\
        Every operation of Amazon Cognito and whether Cenote implements it. An operation that is not implemented checks \
        the signature and the input as AWS does and then answers `NotImplementedException`.\n\n\
        This page is written by `cenote operations --format markdown`.\n"
        .to_owned();
    for service in Service::ALL {
        let targets: Vec<_> = Target::all().filter(|target| target.service() == *service).collect();
        let built = targets.iter().filter(|target| is_implemented(**target)).count();
        page.push_str(&format!(
            "\n## {}\n\n{built} of {} operations are implemented.\n\n| operation | credentials | implemented |\n| --- | --- | --- |\n",
            service.signing_name(),
            targets.len()
        ));
        for target in targets {
            let mark = if is_implemented(target) { "yes" } else { "" };
            page.push_str(&format!("| {} | {} | {mark} |\n", target.name(), credentials(target.auth())));
        }
    }
    page.push('\n');
    page.push_str(SETTINGS);
    page
}

const fn status(is_implemented: bool) -> &'static str {
    if is_implemented { "implemented" } else { "not implemented" }
}

const fn credentials(auth: Auth) -> &'static str {
    match auth {
        Auth::Signed => "signature",
        Auth::Public => "none, or the app client's secret",
        Auth::AccessToken => "access token",
        Auth::AccessTokenOrSession => "access token or session",
        Auth::FeedbackToken => "feedback token",
        Auth::SignedOrClient => "signature, or the app client's secret",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_sign_up(target: Target) -> bool {
        target.name() == "SignUp"
    }

    #[test]
    fn every_operation_is_listed_in_every_format() {
        let count = Target::all().count();
        assert_eq!(count, 141 + 23);
        let text = list(OperationsFormat::Text, only_sign_up);
        assert_eq!(text.lines().count(), count);
        assert_eq!(text.lines().filter(|line| line.ends_with(" implemented")).count(), count);
        assert_eq!(text.lines().filter(|line| line.ends_with(" not implemented")).count(), count - 1);
        let json: Vec<serde_json::Value> = serde_json::from_str(&list(OperationsFormat::Json, only_sign_up)).unwrap();
        assert_eq!(json.len(), count);
        let built: Vec<_> = json.iter().filter(|operation| operation["implemented"] == true).collect();
        assert_eq!((built.len(), &built[0]["operation"]), (1, &"SignUp".into()));
        let markdown = list(OperationsFormat::Markdown, only_sign_up);
        assert_eq!(markdown.lines().filter(|line| line.ends_with("| yes |")).count(), 1);
        assert!(markdown.contains("\n1 of 141 operations are implemented.\n"), "{markdown}");
    }
}
