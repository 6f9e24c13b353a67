//! The programs of c_examples: each is built as a reader would build it, run,
//! and its output compared with c_examples/expected. With GREENHUB_CHECK=asan
//! or =valgrind the small ones run under that tool.

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::check::{self, Check};
use support::compile::program;
use support::run::{die_with_parent, run};
use support::{files, read, root, scratch, stem};

const FOLDER: &str = "c_examples";
const EXPECTED: &str = "c_examples/expected";
const LIMIT: Duration = Duration::from_secs(60);

/// A server and its clients: run as a pair, not compared with a file.
const PAIR: [&str; 2] = ["echo_server", "echo_load"];

/// Uses what valgrind does not know (pidfd_open, before 3.20) or does otherwise than the kernel: a
/// program that cannot be started is no error there but a child that ends with 127.
const NOT_UNDER_VALGRIND: &str = "processes";

/// One example built; a failure to build fails the test.
fn build(name: &str, out_dir: &Path, check: Check) -> PathBuf {
    let mut source = root().join(FOLDER).join(name).with_extension("c");
    if !source.exists() {
        source.set_extension("cpp");
    }
    let flags: Vec<String> = check.compiler_flags().iter().map(|f| (*f).to_string()).collect();
    program(&source, out_dir, &flags).unwrap_or_else(|said| panic!("{said}"))
}

/// Every example has its expected output, and every expected output a program.
#[test]
fn every_example_has_its_expected_output() {
    let mut programs: Vec<String> = files(FOLDER, &["c", "cpp"]).iter().map(|p| stem(p)).collect();
    programs.retain(|name| !PAIR.contains(&name.as_str()));
    let expected: Vec<String> = files(EXPECTED, &["out"]).iter().map(|p| stem(p)).collect();
    assert_eq!(programs, expected, "programs (left), files in {EXPECTED} (right)");
}

#[test]
fn every_example_prints_what_is_expected() {
    let check = Check::from_environment();
    let out_dir = scratch(check.name());
    let mut failures = Vec::new();
    for file in files(EXPECTED, &["out"]) {
        let name = stem(&file);
        if check == Check::Valgrind && name == NOT_UNDER_VALGRIND {
            continue;
        }
        let built = build(&name, &out_dir, check);
        let log = out_dir.join(format!("{name}.report"));
        let outcome = run(&mut check.command(&built, &log), LIMIT * check.slowness());
        let expected = fs::read_to_string(&file).expect("the expected output");
        if !outcome.success() || outcome.stdout != expected || !outcome.stderr.is_empty() {
            let ending = outcome.ending();
            let said = outcome.said();
            failures.push(format!("{name}: {ending}\n{said}\n--- expected\n{expected}---"));
        } else if let Err(report) = check::no_report(&log) {
            failures.push(format!("{name}: {report}"));
        }
        if name == "hello" && check == Check::Plain {
            let took = outcome.took;
            let two_seconds = Duration::from_secs(2)..Duration::from_millis(2900);
            if !two_seconds.contains(&took) {
                failures.push(format!("hello: took {took:?}, the sleeps do not overlap"));
            }
        }
    }
    assert!(failures.is_empty(), "\n\n{}\n", failures.join("\n\n"));
}

/// The server as a child that does not outlive the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn spawn(program: &Path) -> Server {
        let mut command = Command::new(program);
        command.env_remove("LD_LIBRARY_PATH").stdin(Stdio::null()).stdout(Stdio::piped());
        die_with_parent(&mut command);
        Server(command.spawn().expect("the server starts"))
    }

    /// Starts it on a port of the kernel's choice, which its first line tells.
    fn start(program: &Path) -> (Server, u16) {
        let mut server = Server::spawn(program);
        let mut line = String::new();
        let mut byte = [0];
        let stdout = server.0.stdout.as_mut().expect("a pipe");
        while !line.ends_with('\n') && stdout.read(&mut byte).expect("the server speaks") == 1 {
            line.push(char::from(byte[0]));
        }
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("no port in {line:?}"));
        (server, port)
    }

    fn terminate(&self) {
        let id = i32::try_from(self.0.id()).expect("a process number");
        // SAFETY: kill(2) touches no memory, and the child was not waited for.
        assert_eq!(unsafe { libc::kill(id, libc::SIGTERM) }, 0);
    }
}

/// The value of `"name": number` in a line of JSON.
fn figure(json: &str, name: &str) -> f64 {
    let (_, after) = json.split_once(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{json}"));
    let end = after.find([',', '}']).unwrap_or(after.len());
    after[..end].trim().parse().unwrap_or_else(|_| panic!("{name} in {json}"))
}

#[test]
fn the_echo_server_serves_many_and_stops_when_told() {
    let out_dir = scratch("echo");
    let [server, load] = PAIR.map(|name| build(name, &out_dir, Check::Plain));
    let (mut server, port) = Server::start(&server);
    let mut command = Command::new(load);
    command.args(["-p", &port.to_string(), "-c", "400", "-t", "1", "-w", "0", "-j"]);
    command.args(["-P", &server.0.id().to_string()]);
    let outcome = run(&mut command, LIMIT);
    assert!(outcome.success(), "echo_load: {}\n{}", outcome.ending(), outcome.said());
    let json = outcome.stdout.lines().last().unwrap_or("");
    assert_eq!(figure(json, "errors"), 0.0, "{json}");
    assert_eq!(figure(json, "connections"), 400.0, "{json}");
    assert!(figure(json, "requests") >= 400.0, "{json}");

    server.terminate();
    let mut rest = String::new();
    let stdout = server.0.stdout.take().expect("a pipe");
    for line in BufReader::new(stdout).lines() {
        rest += &line.expect("UTF-8");
    }
    let status = server.0.wait().expect("the server ends");
    assert!(status.success(), "echo_server: {status}");
    assert!(rest.starts_with("served 400 connections, "), "{rest}");
}

/// The port of the whole program that README.md shows, an echo server.
const README_PORT: &str = "7000";

fn readme_program() -> String {
    let readme = read("README.md");
    let mut blocks = readme.split("\n```c\n").skip(1).filter_map(|text| text.split("\n```").next());
    let program = blocks.find(|code| code.contains("int main")).expect("a whole program");
    assert!(program.contains(README_PORT), "{program}");
    format!("{program}\n")
}

/// A port that nobody listens at. Another process may take it before the
/// server does, which then ends at once and is tried again.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    listener.local_addr().expect("its address").port()
}

/// Connects as soon as the server listens; None when it has ended instead.
fn connect(server: &mut Server, port: u16) -> Option<TcpStream> {
    let give_up = Instant::now() + LIMIT;
    while server.0.try_wait().expect("a child can be waited for").is_none() {
        assert!(Instant::now() < give_up, "the server does not listen");
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return Some(stream),
            Err(_) => sleep(Duration::from_millis(10)),
        }
    }
    None
}

/// The first program that a reader sees compiles as it stands, but for the
/// port, and does what it is shown for.
#[test]
fn the_readme_shows_an_echo_server_that_echoes() {
    let out_dir = scratch("readme");
    let mut attempts = 0..5;
    let (_server, mut stream) = loop {
        assert!(attempts.next().is_some(), "the server ends by itself");
        let port = free_port();
        let source = out_dir.join("readme.c");
        let code = readme_program().replace(README_PORT, &port.to_string());
        fs::write(&source, code).expect("a file");
        let built = program(&source, &out_dir, &[]).unwrap_or_else(|said| panic!("{said}"));
        let mut server = Server::spawn(&built);
        if let Some(stream) = connect(&mut server, port) {
            break (server, stream);
        }
    };
    stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
    for text in ["hello", "hello again"] {
        let mut answer = vec![0; text.len()];
        stream.write_all(text.as_bytes()).expect("the server reads");
        stream.read_exact(&mut answer).expect("the server answers");
        assert_eq!(answer, text.as_bytes());
    }
}
