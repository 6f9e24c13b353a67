//! Real components, each unmodified, in green threads of one OS thread: what waits in them waits together.
//!
//! Each has a control run: the same program without gh_patch() takes the sum of the times, so that it is
//! the hooks that make the difference. A component that is not installed is skipped, which `CI=true`
//! counts as a failure; scripts/setup.sh installs them.

mod support;

#[path = "components/build.rs"]
mod build;
#[path = "components/postgres.rs"]
mod postgres;
#[path = "components/web.rs"]
mod web;

use build::{alone, ends_well, program, shared, stays_below, told, CURL, LIBPQ, LIMIT, OPENSSL};
use postgres::Postgres;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::run::run;
use web::{Certificate, SlowServer};

/// How long the web server and a query take.
const PAUSE: f64 = 300.0;
/// How long libnss_slow takes for a name.
const LOOKUP: f64 = 100.0;

fn fetched(program: &Path, arguments: &[&str], names: Option<&Path>) -> f64 {
    told(&ends_well(program, arguments, names), "fetched")
}

#[test]
fn a_hundred_transfers_of_libcurl_end_together() {
    let _alone = alone();
    let Some(flags) = CURL.flags() else { return };
    let Some(certificate) = Certificate::new("curl.certificate") else { return };
    let curl = program("curl", &flags);
    let server = SlowServer::start(&certificate);
    let trusted = certificate.certificate.to_string_lossy().into_owned();
    let http = format!("http://127.0.0.1:{}", server.http);
    let https = format!("https://127.0.0.1:{}", server.https);

    assert!(fetched(&curl, &["plain", "fetch", "3", &http], None) >= 3.0 * PAUSE);
    assert!(fetched(&curl, &["plain", "fetch", "3", &https, &trusted], None) >= 3.0 * PAUSE);
    stays_below(1000.0, "100 over HTTP", || {
        fetched(&curl, &["patched", "fetch", "100", &http], None)
    });
    stays_below(1000.0, "100 over TLS", || {
        fetched(&curl, &["patched", "fetch", "100", &https, &trusted], None)
    });
}

/// A cancelled green thread's wait fails, which libcurl hands on; and a transfer need not have begun and
/// ended under the same hooks.
#[test]
fn transfers_of_libcurl_are_cancelled_and_outlive_the_hooks() {
    let _alone = alone();
    let Some(flags) = CURL.flags() else { return };
    let Some(certificate) = Certificate::new("cancel.certificate") else { return };
    let curl = program("curl", &flags);
    let server = SlowServer::start(&certificate);
    let trusted = certificate.certificate.to_string_lossy().into_owned();
    let http = format!("http://127.0.0.1:{}", server.http);
    let https = format!("https://127.0.0.1:{}", server.https);
    for arguments in [&["20", &http][..], &["20", &https, &trusted]] {
        ends_well(&curl, &[&["patched", "cancel"], arguments].concat(), None);
        ends_well(&curl, &[&["patched", "toggle"], arguments].concat(), None);
    }
}

/// libcurl asks for names in OS threads of its own, which call the same functions at the same time.
#[test]
fn libcurl_finds_names_in_its_own_threads() {
    let _alone = alone();
    let Some(flags) = CURL.flags() else { return };
    let Some(certificate) = Certificate::new("names.certificate") else { return };
    let curl = program("curl", &flags);
    let names = shared("slow_names", "libnss_slow.so.2");
    let server = SlowServer::start(&certificate);
    let url = format!("http://somewhere.test:{}", server.http);
    let fetched =
        |how: &str, count: &str| fetched(&curl, &[how, "fetch", count, &url], Some(&names));
    assert!(fetched("plain", "3") >= 3.0 * (PAUSE + LOOKUP));
    stays_below(1500.0, "50 names of libcurl", || fetched("patched", "50"));
}

#[test]
fn fifty_queries_of_libpq_sleep_together() {
    let _alone = alone();
    let Some(flags) = LIBPQ.flags() else { return };
    let Some(server) = Postgres::start() else { return };
    let postgres = program("postgres", &flags);
    for server in [server.over_socket(), server.over_tcp()] {
        let slept = |how: &str, count: &str| {
            told(&ends_well(&postgres, &[how, "sleep", count, &server], None), "slept")
        };
        assert!(slept("plain", "3") >= 3.0 * PAUSE);
        stays_below(1500.0, "50 queries", || slept("patched", "50"));
    }
}

#[test]
fn queries_of_libpq_are_cancelled() {
    let _alone = alone();
    let Some(flags) = LIBPQ.flags() else { return };
    let Some(server) = Postgres::start() else { return };
    let postgres = program("postgres", &flags);
    let arguments = ["patched", "cancel", "20", &server.over_socket()];
    let took = told(&ends_well(&postgres, &arguments, None), "cancelled");
    assert!(took < 20_000.0, "{took} ms, of queries that would take a minute");
}

#[test]
fn an_error_ends_the_transaction_of_its_caller_alone() {
    let _alone = alone();
    let Some(flags) = LIBPQ.flags() else { return };
    let Some(server) = Postgres::start() else { return };
    let postgres = program("postgres", &flags);
    for how in ["plain", "patched"] {
        ends_well(&postgres, &[how, "transactions", "20", &server.over_socket()], None);
    }
}

#[test]
fn a_killed_server_gives_each_caller_of_libpq_its_error() {
    let _alone = alone();
    let Some(flags) = LIBPQ.flags() else { return };
    let Some(mut server) = Postgres::start() else { return };
    let postgres = program("postgres", &flags);
    // As pg_ctl -m immediate does, and worse.
    for signal in [libc::SIGQUIT, libc::SIGKILL] {
        let process = server.process().to_string();
        let signal = signal.to_string();
        let server_there = server.over_tcp();
        let arguments = ["patched", "killed", "20", &server_there, &process, &signal];
        ends_well(&postgres, &arguments, None);
        server.run_server();
    }
}

#[test]
fn both_ends_of_openssl_talk_on_one_os_thread() {
    let _alone = alone();
    let Some(flags) = OPENSSL.flags() else { return };
    let Some(certificate) = Certificate::new("tls.certificate") else { return };
    let tls = program("tls", &flags);
    let run_tls = |how: &str, limit: Duration| {
        let mut command = Command::new(&tls);
        run(command.arg(how).args([&certificate.certificate, &certificate.key]), limit)
    };
    let stuck = run_tls("plain", Duration::from_secs(2));
    assert!(stuck.status.is_none(), "without hooks: {}\n{}", stuck.ending(), stuck.said());
    let outcome = run_tls("patched", LIMIT);
    assert!(outcome.success(), "{}\n{}", outcome.ending(), outcome.said());
}

/// The sum of `count` waits of glibc's own without hooks, and much less with them.
fn glibc(mode: &str, each: f64, count: usize, bar: f64) {
    let _alone = alone();
    let libc = program("libc", &[]);
    let names = shared("slow_names", "libnss_slow.so.2");
    let took = |how: &str, count: usize| {
        let count = count.to_string();
        told(&ends_well(&libc, &[how, mode, &count], Some(&names)), mode)
    };
    assert!(took("plain", 3) >= 3.0 * each);
    stays_below(bar, mode, || took("patched", count));
}

/// The pool looks for eight names at once, unless told otherwise.
#[test]
fn fifty_lookups_of_glibc_share_the_pool() {
    glibc("names", LOOKUP, 50, 50.0 * LOOKUP / 2.0);
}

#[test]
fn twenty_commands_of_system_run_together() {
    glibc("system", PAUSE, 20, 20.0 * PAUSE / 2.0);
}

#[test]
fn twenty_commands_of_popen_run_together() {
    glibc("popen", PAUSE, 20, 20.0 * PAUSE / 2.0);
}

#[test]
fn twenty_children_are_waited_for_together() {
    glibc("waitpid", PAUSE, 20, 20.0 * PAUSE / 2.0);
}

/// Forty green threads, each in talk with an OS thread of a library that calls what they call.
#[test]
fn a_librarys_own_threads_call_the_same_functions() {
    let _alone = alone();
    let library = shared("conversation", "libconversation.so");
    let flags = [
        format!("-L{}", library.display()),
        "-lconversation".to_string(),
        format!("-Wl,-rpath,{}", library.display()),
    ];
    let own_threads = program("own_threads", &flags);
    let talked =
        |how: &str, count: &str| told(&ends_well(&own_threads, &[how, count], None), "talked");
    // Fifty questions each, a millisecond and more for every answer.
    assert!(talked("plain", "10") >= 10.0 * 50.0);
    stays_below(40.0 * 50.0, "40 talks", || talked("patched", "40"));
}
