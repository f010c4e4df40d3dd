//! The real program, started for the benchmark in a folder of its own.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cenote_base::{Clock as _, Region, Secret, SystemClock};
use cenote_iam::AccessKey;
use cenote_iam::sigv4::{SignedRequest, Signer, sign};
use serde_json::{Value, json};

use crate::Failed;
use crate::client::{Client, TYPE};

const KEY_ID: &str = "AKIABENCHBENCHBENCH2";
const KEY_SECRET: &str = "benchbenchbenchbenchbenchbenchbenchbench";
const REGION: &str = "us-east-1";
/// What every user's password is.
pub const PASSWORD: &str = "correct-horse-9";

/// A process that ends with its owner.
pub struct Child(pub std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        // Nothing can be done about a child that is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running server.
pub struct Program {
    child: Child,
    file: PathBuf,
    folder: tempfile::TempDir,
    key: AccessKey,
    /// Where it listens.
    pub address: SocketAddr,
    /// From the start of the process to the first 200 of `/health/ready`.
    pub ready_after: Duration,
}

/// A pool with one client.
pub struct Pool {
    /// The pool's id.
    pub id: String,
    /// A public client that allows signing in by password, by SRP and by refresh token.
    pub client: String,
}

impl Program {
    /// Starts the program on a free port and waits until it is ready.
    pub fn start(file: &Path) -> Result<Self, Failed> {
        let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (child, ready_after) = run(file, folder.path(), address)?;
        let key = AccessKey::new(KEY_ID, Secret::new(KEY_SECRET))?;
        Ok(Self { child, file: file.to_owned(), folder, key, address, ready_after })
    }

    /// Ends the process as a power failure would, and starts it again on the database that there is.
    pub fn restart(&mut self) -> Result<(), Failed> {
        self.child.0.kill()?;
        self.child.0.wait()?;
        (self.child, self.ready_after) = run(&self.file, self.folder.path(), self.address)?;
        Ok(())
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Resident memory that no file stands behind (`RssAnon`), in MiB: what the program itself takes. Of the rest, its own
    /// text and the database's pages, the kernel takes back what it needs.
    pub fn anonymous_mib(&self) -> Result<f64, Failed> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
        Ok(kib.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
    }

    /// Makes a pool that asks nothing of passwords but their length, and a client that hides who exists.
    pub async fn create_pool(&self) -> Result<Pool, Failed> {
        let policy = json!({ "PasswordPolicy": { "MinimumLength": 8 } });
        let pool = json!({ "PoolName": "bench", "Policies": policy, "AutoVerifiedAttributes": ["email"] });
        let made = self.api("CreateUserPool", &pool).await?;
        let id = text(&made, "/UserPool/Id")?;
        let client = json!({
            "UserPoolId": id,
            "ClientName": "bench",
            "PreventUserExistenceErrors": "ENABLED",
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        });
        let made = self.api("CreateUserPoolClient", &client).await?;
        let client = text(&made, "/UserPoolClient/ClientId")?;
        Ok(Pool { id, client })
    }

    /// Confirmed users with verified addresses, all with [`PASSWORD`]: `user0`, `user1`, …
    pub async fn create_users(&self, pool: &Pool, count: usize) -> Result<(), Failed> {
        for number in 0..count {
            let name = format!("user{number}");
            let attributes = json!([
                { "Name": "email", "Value": format!("{name}@example.com") },
                { "Name": "email_verified", "Value": "true" },
            ]);
            let user = json!({
                "UserPoolId": pool.id,
                "Username": name,
                "UserAttributes": attributes,
                "MessageAction": "SUPPRESS",
            });
            self.api("AdminCreateUser", &user).await?;
            let password = json!({ "UserPoolId": pool.id, "Username": name, "Password": PASSWORD, "Permanent": true });
            self.api("AdminSetUserPassword", &password).await?;
        }
        Ok(())
    }

    /// Makes a signed call; its answer.
    pub async fn api(&self, operation: &str, body: &Value) -> Result<Value, Failed> {
        let (body, target) = (body.to_string(), format!("AWSCognitoIdentityProviderService.{operation}"));
        let host = self.address.to_string();
        let request = SignedRequest {
            method: "POST",
            path: "/",
            query: None,
            headers: &[("host", &host), ("content-type", TYPE), ("x-amz-target", &target)],
            body: body.as_bytes(),
        };
        let region = REGION.parse::<Region>()?;
        let signer = Signer { key: &self.key, session_token: None, region: &region, service: "cognito-idp" };
        let added = sign(&request, &signer, SystemClock.now());
        let headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let added: Vec<String> = added.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (headers, added, length) = (headers.concat(), added.concat(), body.len());
        let whole = format!("POST / HTTP/1.1\r\n{headers}{added}content-length: {length}\r\n\r\n{body}");
        self.send(whole.as_bytes()).await
    }

    /// Sends a request whose answer must be a 200 with JSON.
    pub async fn send(&self, request: &[u8]) -> Result<Value, Failed> {
        let answer = Client::connect(self.address).await?.send(request).await?;
        if answer.status != 200 {
            return Err(format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)).into());
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

/// A text in an answer.
pub fn text(answer: &Value, pointer: &str) -> Result<String, Failed> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("an answer without {pointer}").into())
}

fn run(file: &Path, folder: &Path, address: SocketAddr) -> Result<(Child, Duration), Failed> {
    let begun = Instant::now();
    let child = Command::new(file)
        .arg("serve")
        .args(["--data-dir".as_ref(), folder.join("data").as_os_str()])
        .args(["--listen", &address.to_string(), "--log-level", "warn"])
        .env("CENOTE_ROOT_ACCESS_KEY_ID", KEY_ID)
        .env("CENOTE_ROOT_SECRET_ACCESS_KEY", KEY_SECRET)
        // One address stands for everybody here, so the limits by address and client would be measured instead.
        .env("CENOTE_ADDRESS_RATE", "0")
        .env("CENOTE_CLIENT_RATE", "0")
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let child = Child(child);
    while !is_ready(address) {
        if begun.elapsed() > Duration::from_secs(30) {
            return Err("the server is not ready after 30 s".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok((child, begun.elapsed()))
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        std::io::Write::write_all(
            &mut stream,
            b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
