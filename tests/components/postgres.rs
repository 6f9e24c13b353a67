//! A PostgreSQL of the test's own: a cluster in a temporary folder, and a server on a socket there and on
//! a free port, as a user who is not root.

use crate::build::say_missing;
use crate::support::run::die_with_parent;
use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// The programs of the newest release: Debian keeps them out of PATH.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut releases: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    releases.sort();
    folders.extend(releases.into_iter().rev());
    folders
        .into_iter()
        .find(|folder| ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file()))
}

/// Who the server is: it refuses to be root.
fn unprivileged() -> Option<(u32, u32)> {
    // SAFETY: has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        return None;
    }
    [c"postgres", c"nobody"].iter().find_map(|name: &&CStr| {
        // SAFETY: a string; the answer is read at once, and no other thread of these tests asks.
        unsafe { libc::getpwnam(name.as_ptr()).as_ref() }.map(|user| (user.pw_uid, user.pw_gid))
    })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A folder of this user's alone, with a path short enough for a Unix socket.
fn own_folder(user: Option<(u32, u32)>) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("greenhub-pg-{}-{}", std::process::id(), free_port()));
    fs::DirBuilder::new().mode(0o700).create(&folder).expect("a new folder");
    if let Some((uid, gid)) = user {
        let path = CString::new(folder.as_os_str().as_bytes()).expect("a path");
        // SAFETY: a string.
        assert_eq!(unsafe { libc::chown(path.as_ptr(), uid, gid) }, 0);
    }
    folder
}

/// A cluster, and perhaps its server. Both end when dropped.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// None, and a line that says so, where there is no PostgreSQL.
    pub fn start() -> Option<Postgres> {
        let Some(programs) = programs() else {
            say_missing("PostgreSQL", "postgresql");
            return None;
        };
        let user = unprivileged();
        let folder = own_folder(user);
        let mut made = Postgres { programs, folder, user, port: 0, server: None };
        let mut initdb = made.command("initdb");
        initdb.args(["--no-sync", "--no-locale", "--encoding=UTF8", "--auth=trust"]);
        let output = initdb.args(["--username=greenhub", "-D"]).arg(made.data()).output();
        succeeded(&output.expect("initdb runs"));
        made.run_server();
        Some(made)
    }

    /// Starts the server; where another one was killed, it recovers first.
    pub fn run_server(&mut self) {
        self.stop();
        self.port = free_port();
        let log = File::create(self.folder.join("log")).expect("a log");
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(&self.folder)
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=120"])
            .args(["-c", "fsync=off"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let server = command.spawn().expect("postgres runs");
        self.server = Some(server);
        let begin = Instant::now();
        while !self.is_ready() {
            let ended = self.server.as_mut().and_then(|server| server.try_wait().expect("a child"));
            assert!(
                ended.is_none() && begin.elapsed() < STARTS_WITHIN,
                "the server did not start: {ended:?}\n{}",
                fs::read_to_string(self.folder.join("log")).unwrap_or_default()
            );
            sleep(Duration::from_millis(20));
        }
    }

    /// The last line of its file of state says so.
    fn is_ready(&self) -> bool {
        let state = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        state.lines().nth(7).is_some_and(|line| line.trim() == "ready")
    }

    pub fn over_socket(&self) -> String {
        format!("host={} port={} user=greenhub dbname=postgres", self.folder.display(), self.port)
    }

    pub fn over_tcp(&self) -> String {
        format!("host=127.0.0.1 port={} user=greenhub dbname=postgres", self.port)
    }

    pub fn process(&self) -> u32 {
        self.server.as_ref().expect("a server").id()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(&self.folder).env("LC_ALL", "C");
        for (name, _) in std::env::vars_os() {
            if name.as_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        die_with_parent(&mut command);
        command
    }

    /// At once, whatever goes on there.
    fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let segment = shared_memory(&self.data());
        if let Ok(process) = i32::try_from(server.id()) {
            if matches!(server.try_wait(), Ok(None)) {
                // SAFETY: touches no memory; a child that was not waited for still has its number.
                unsafe { libc::kill(process, libc::SIGQUIT) };
            }
        }
        let _ = server.wait();
        if let Some(segment) = segment {
            // A server that was killed leaves it behind.
            // SAFETY: marks a segment for removal; nobody here has it mapped.
            unsafe { libc::shmctl(segment, libc::IPC_RMID, std::ptr::null_mut()) };
        }
    }
}

/// The segment of System V's that tells a second server of the first.
fn shared_memory(data: &Path) -> Option<i32> {
    let state = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    state.lines().nth(6)?.split_whitespace().nth(1)?.parse().ok()
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
