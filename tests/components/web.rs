//! The slow web server and its certificate.

use crate::build::say_missing;
use crate::support::run::die_with_parent;
use crate::support::{root, scratch};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A certificate for this machine, signed by itself. Elliptic, because a hundred handshakes of RSA would be
/// what is measured.
#[derive(Debug)]
pub struct Certificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    /// None, and a line that says so, without the tool.
    pub fn new(folder: &str) -> Option<Certificate> {
        let folder = scratch(folder);
        let made = Certificate {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        };
        let output = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
            .arg("-keyout")
            .arg(&made.key)
            .arg("-out")
            .arg(&made.certificate)
            .output();
        let Ok(output) = output else {
            say_missing("the openssl tool", "openssl");
            return None;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(made)
    }
}

/// Answers after 300 ms, until dropped.
#[derive(Debug)]
pub struct SlowServer {
    process: Child,
    pub http: u16,
    pub https: u16,
}

impl SlowServer {
    pub fn start(certificate: &Certificate) -> SlowServer {
        let mut command = Command::new("python3");
        command
            .arg(root().join("tests/components/slow_server.py"))
            .args([&certificate.certificate, &certificate.key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        die_with_parent(&mut command);
        let mut process = command.spawn().expect("python3 runs");
        let mut line = String::new();
        let output = process.stdout.take().expect("a piped stream");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let ports: Vec<u16> = line.split(' ').filter_map(|word| word.trim().parse().ok()).collect();
        let [http, https] = ports[..] else { panic!("slow_server.py said {line:?}") };
        SlowServer { process, http, https }
    }
}

impl Drop for SlowServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
