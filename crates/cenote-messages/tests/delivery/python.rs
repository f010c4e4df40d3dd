//! An e-mail as another program reads it: Python's `email` package.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

const READ: &str = r#"
import email, email.policy, json, sys
message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
body = message.get_body(("html",))
defects = [repr(defect) for part in message.walk() for defect in part.defects]
defects += [repr(defect) for header in message.values() for defect in header.defects]
json.dump({
    "from": [[a.display_name, a.addr_spec] for a in message["from"].addresses],
    "to": [a.addr_spec for a in message["to"].addresses],
    "subject": message["subject"],
    "date": message["date"].datetime.isoformat(),
    "id": message["message-id"],
    "type": [body.get_content_type(), body.get_content_charset()],
    "headers": sorted(name.lower() for name in message.keys()),
    "body": body.get_content().replace("\r\n", "\n"),
    "defects": defects,
}, sys.stdout)
"#;

/// What Python finds in the e-mail.
pub fn read_email(bytes: &[u8]) -> Value {
    let mut python = Command::new("python3")
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("the tests need python3: {error}"));
    python.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "Python cannot read the e-mail:\n{}", String::from_utf8_lossy(bytes));
    serde_json::from_slice(&output.stdout).unwrap()
}
