//! The real program, started for the benchmark in a folder of its own.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failed;

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
    folder: tempfile::TempDir,
    /// Where it listens.
    pub address: SocketAddr,
    /// From the start of the process to the first 200 of `/health/ready`.
    pub ready_after: Duration,
}

/// A pool with one client, made by the AWS CLI's calls.
pub struct Pool {
    /// The pool's id.
    pub id: String,
    /// A public client that allows USER_PASSWORD_AUTH.
    pub client: String,
}

impl Program {
    /// Starts the program on a free port and waits until it is ready.
    pub fn start(program: &Path) -> Result<Self, Failed> {
        let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let begun = Instant::now();
        let child = Command::new(program)
            .arg("serve")
            .args(["--data-dir".as_ref(), folder.path().join("data").as_os_str()])
            .args(["--listen", &address.to_string(), "--log-level", "warn"])
            // One address stands for everybody here, so the limits by address and client would be measured instead.
            .env("CENOTE_ADDRESS_RATE", "0")
            .env("CENOTE_CLIENT_RATE", "0")
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let child = Child(child);
        while !is_ready(address) {
            if begun.elapsed() > Duration::from_secs(30) {
                return Err("the server is not ready after 30 s".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Self { child, folder, address, ready_after: begun.elapsed() })
    }

    /// `VmRSS` of the process.
    pub fn resident_mib(&self) -> Result<f64, Failed> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.0.id()))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(kib.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
    }

    /// Makes a pool that asks nothing of passwords but their length, and a client.
    pub fn create_pool(&self) -> Result<Pool, Failed> {
        let id = self.aws(&[
            "create-user-pool",
            "--pool-name",
            "bench",
            "--policies",
            "PasswordPolicy={MinimumLength=8}",
            "--query",
            "UserPool.Id",
        ])?;
        let client = self.aws(&[
            "create-user-pool-client",
            "--user-pool-id",
            &id,
            "--client-name",
            "bench",
            "--explicit-auth-flows",
            "ALLOW_USER_PASSWORD_AUTH",
            "ALLOW_REFRESH_TOKEN_AUTH",
            "--query",
            "UserPoolClient.ClientId",
        ])?;
        Ok(Pool { id, client })
    }

    /// A confirmed user with this password.
    pub fn create_user(&self, pool: &Pool, name: &str, password: &str) -> Result<(), Failed> {
        self.aws(&[
            "admin-create-user",
            "--user-pool-id",
            &pool.id,
            "--username",
            name,
            "--message-action",
            "SUPPRESS",
        ])?;
        let user = ["--user-pool-id", &pool.id, "--username", name, "--password", password, "--permanent"];
        self.aws(&[&["admin-set-user-password"], user.as_slice()].concat())?;
        Ok(())
    }

    fn aws(&self, arguments: &[&str]) -> Result<String, Failed> {
        let out = Command::new(std::env::var("BENCH_AWS").unwrap_or_else(|_| "aws".to_owned()))
            .args(["cognito-idp", "--output", "text", "--region", "us-east-1"])
            .args(["--endpoint-url", &format!("http://{}", self.address)])
            .args(arguments)
            .env("AWS_SHARED_CREDENTIALS_FILE", self.folder.path().join("data/credentials"))
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_PROFILE")
            .output()
            .map_err(|error| format!("the AWS CLI does not start: {error}"))?;
        if !out.status.success() {
            return Err(String::from_utf8_lossy(&out.stderr).trim().to_owned().into());
        }
        Ok(String::from_utf8(out.stdout)?.trim().to_owned())
    }
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
