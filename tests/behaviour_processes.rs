//! Child processes: started with what they are to have, waited for while others run, collected once.

mod common;
use common::*;
use std::ffi::CString;

const INHERIT: u32 = 0;
const NULL: u32 = 1;
const PIPE: u32 = 2;
const DESCRIPTOR: u32 = 3;
const OUTPUT: u32 = 4;

fn exited(code: c_int) -> c_int {
    code << 8
}

fn with_standard(standard: [u32; 3]) -> gh_process_options {
    let mut options = no_process_options();
    options.standard = standard;
    options
}

fn started(words: &[&str], options: &gh_process_options) -> (c_int, [c_int; 3]) {
    let (pid, pipes) = spawn_process(words, options);
    assert!(pid > 0, "gh_spawn_process: {pid}");
    (pid as c_int, pipes)
}

fn failure(words: &[&str], options: &gh_process_options) -> i64 {
    let (error, pipes) = spawn_process(words, options);
    assert_eq!(pipes, [-7; 3], "out parameters are written on success only");
    error
}

/// All that comes out of a pipe, which is closed then.
fn drained(fd: c_int) -> String {
    let mut text = Vec::new();
    let mut chunk = [0; 512];
    loop {
        match read(fd, &mut chunk, GH_NEVER) {
            0 => break,
            count => text.extend_from_slice(&chunk[..usize::try_from(count).expect("a count")]),
        }
    }
    assert_eq!(close(fd), 0);
    String::from_utf8(text).expect("text")
}

fn collected(pid: c_int) -> c_int {
    let (result, status) = waitpid(pid, 0, GH_NEVER);
    assert_eq!(result, i64::from(pid));
    status
}

/// What a program prints.
fn output(words: &[&str], mut options: gh_process_options) -> String {
    options.standard[1] = PIPE;
    let (pid, pipes) = started(words, &options);
    let text = drained(pipes[1]);
    assert_eq!(collected(pid), 0, "{words:?}");
    text
}

#[test]
fn a_status_tells_how_the_child_ended() {
    with_hub(|| {
        let run = |script| collected(started(&["sh", "-c", script], &no_process_options()).0);
        assert_eq!(run("exit 0"), 0);
        assert_eq!(run("exit 7"), exited(7));
        assert_eq!(run("kill -TERM $$"), libc::SIGTERM);
        join(spawn(move || assert_eq!(run("exit 9"), exited(9))));
    });
}

#[test]
fn a_child_that_has_ended_is_collected_at_once_and_once() {
    with_hub(|| {
        for deadline in [PAST, GH_NEVER] {
            let pid = ended_child();
            assert_eq!(waitpid(pid, 0, deadline), (i64::from(pid), 0));
            assert_eq!(waitpid(pid, 0, deadline).0, -ECHILD);
        }
        let pid = ended_child();
        assert_eq!(waitpid(pid, libc::WNOHANG, GH_NEVER), (i64::from(pid), 0));
        let pid = ended_child();
        assert_eq!(i64::from(c!(gh_waitpid(pid, null_mut(), 0, PAST))), i64::from(pid));
    });
}

#[test]
fn a_running_child_stays_when_a_wait_ends_without_it() {
    with_hub(|| {
        let (pid, input) = cat();
        assert_eq!(waitpid(pid, libc::WNOHANG, GH_NEVER), (0, -7));
        let registered = stats().descriptors;
        assert_eq!(waitpid(pid, 0, PAST), (-ETIMEDOUT, -7));
        let deadline = after_ms(20);
        assert_eq!(waitpid(pid, 0, deadline), (-ETIMEDOUT, -7));
        assert!(now() >= deadline);
        let waiting = spawn(move || assert_eq!(waitpid(pid, 0, GH_NEVER), (-ECANCELED, -7)));
        yield_now();
        assert_eq!(stats().descriptors, registered + 1, "waits by a descriptor");
        assert_eq!(cancel(waiting), 0);
        join(waiting);
        assert_eq!(stats().descriptors, registered, "which is closed again");
        assert_eq!(close(input), 0);
        assert_eq!(collected(pid), 0);
    });
}

#[test]
fn others_run_while_children_are_waited_for() {
    with_hub(|| {
        let ends = log();
        let children: Vec<_> = (0..5).map(|_| cat()).collect();
        let inputs: Vec<c_int> = children.iter().map(|child| child.1).collect();
        let waiting: Vec<_> = children
            .into_iter()
            .enumerate()
            .map(|(at, (pid, _))| {
                spawn(move || {
                    assert_eq!(collected(pid), 0);
                    ends.push(at);
                })
            })
            .collect();
        assert_eq!(sleep_ms(5), 0);
        assert_eq!(ends.len(), 0);
        for at in [3, 0, 4, 1, 2] {
            let before = ends.len();
            assert_eq!(close(inputs[at]), 0);
            while ends.len() == before {
                assert_eq!(sleep_ms(1), 0);
            }
        }
        join_all(waiting);
        assert_eq!(ends.take(), [3, 0, 4, 1, 2]);
    });
}

#[test]
fn of_two_that_wait_for_one_child_one_collects_it() {
    with_hub(|| {
        let results = log();
        let (pid, input) = cat();
        let both = [(); 2].map(|()| spawn(move || results.push(waitpid(pid, 0, GH_NEVER).0)));
        assert_eq!(sleep_ms(5), 0);
        assert_eq!(close(input), 0);
        join_all(both);
        let mut results = results.take();
        results.sort_unstable();
        assert_eq!(results, [-ECHILD, i64::from(pid)]);
    });
}

#[test]
fn another_os_thread_waits_for_the_same_child() {
    with_hub(|| {
        let (pid, input) = cat();
        let here = cell(0);
        let waiting = spawn(move || here.set(waitpid(pid, 0, GH_NEVER).0));
        yield_now();
        let there = on_another_os_thread(move || {
            let closing = spawn(move || {
                assert_eq!(sleep_ms(5), 0);
                assert_eq!(close(input), 0);
            });
            let result = waitpid(pid, 0, GH_NEVER).0;
            join(closing);
            assert_eq!(free_hub(), 0);
            result
        });
        join(waiting);
        assert_eq!(here.get().max(there), i64::from(pid));
        assert_eq!(here.get().min(there), -ECHILD);
    });
}

#[test]
fn what_cannot_be_waited_for_is_an_error() {
    with_hub(|| {
        assert_eq!(waitpid(1, 0, GH_NEVER), (-ECHILD, -7));
        assert_eq!(waitpid(c_int::MAX, 0, GH_NEVER), (-ECHILD, -7));
        assert!(waitpid(c_int::MIN, 0, GH_NEVER).0 < 0);
        for options in [libc::WUNTRACED, libc::WCONTINUED, libc::WNOHANG | 64, -1] {
            assert_eq!(waitpid(1, options, GH_NEVER), (-EINVAL, -7));
        }
    });
}

#[test]
fn a_thousand_quick_children_are_all_collected() {
    with_hub(|| {
        let threads: Vec<_> = (0..20)
            .map(|_| {
                spawn(|| {
                    for _ in 0..50 {
                        let (pid, _) = started(&["/bin/true"], &no_process_options());
                        assert_eq!(collected(pid), 0);
                    }
                })
            })
            .collect();
        join_all(threads);
        assert_eq!(stats().spawned, 20);
    });
}

#[test]
fn a_program_is_talked_to_through_pipes() {
    with_hub(|| {
        let (pid, pipes) = started(&["cat"], &with_standard([PIPE, PIPE, NULL]));
        assert_eq!(pipes[2], -1);
        for fd in &pipes[..2] {
            assert_ne!(c!(libc::fcntl(*fd, libc::F_GETFL)) & libc::O_NONBLOCK, 0);
            assert_ne!(c!(libc::fcntl(*fd, libc::F_GETFD)) & libc::FD_CLOEXEC, 0);
        }
        // More than both pipes hold, so that each side has to wait for the other.
        let sent = pattern(300_000);
        let text = sent.clone();
        let writing = spawn(move || {
            let mut left = &text[..];
            while !left.is_empty() {
                let count = write(pipes[0], left, GH_NEVER);
                left = &left[usize::try_from(count).expect("a count")..];
            }
            assert_eq!(close(pipes[0]), 0);
        });
        let mut got = Vec::new();
        let mut chunk = vec![0; 10_000];
        loop {
            match read(pipes[1], &mut chunk, GH_NEVER) {
                0 => break,
                count => got.extend_from_slice(&chunk[..count as usize]),
            }
        }
        join(writing);
        assert!(got == sent);
        assert_eq!(close(pipes[1]), 0);
        assert_eq!(collected(pid), 0);
    });
}

#[test]
fn standard_descriptors_are_what_was_asked_for() {
    with_hub(|| {
        let say = &["sh", "-c", "echo out; echo err >&2"];
        let (pid, pipes) = started(say, &with_standard([NULL, PIPE, PIPE]));
        assert_eq!((drained(pipes[1]), drained(pipes[2])), ("out\n".into(), "err\n".into()));
        assert_eq!(collected(pid), 0);

        let (pid, pipes) = started(say, &with_standard([NULL, PIPE, OUTPUT]));
        assert_eq!(drained(pipes[1]), "out\nerr\n");
        assert_eq!(collected(pid), 0);

        let (reader, writer) = nonblocking_pipe();
        let mut options = with_standard([NULL, NULL, DESCRIPTOR]);
        options.descriptors = [-1, -1, writer];
        let (pid, pipes) = started(say, &options);
        assert_eq!(pipes, [-1; 3]);
        assert_eq!(close(writer), 0, "the caller's is untouched, and the caller's to close");
        assert_eq!(drained(reader), "err\n");
        assert_eq!(collected(pid), 0);

        let mut options = with_standard([DESCRIPTOR, PIPE, NULL]);
        options.descriptors[0] = temporary_file(b"content of a file");
        let (pid, pipes) = started(&["cat"], &options);
        assert_eq!(drained(pipes[1]), "content of a file");
        assert_eq!(collected(pid), 0);
        assert_eq!(close(options.descriptors[0]), 0);
    });
}

#[test]
fn a_child_has_three_descriptors_and_clean_signals() {
    with_hub(|| {
        let open = c!(libc::fcntl(2, libc::F_DUPFD, 200));
        assert!(open >= 200 && c!(libc::fcntl(open, libc::F_GETFD)) & libc::FD_CLOEXEC == 0);
        // The fourth is the one by which it reads the folder.
        let list = output(&["ls", "/proc/self/fd"], with_standard([NULL, INHERIT, INHERIT]));
        assert_eq!(list, "0\n1\n2\n3\n");
        plain_close(open);

        hold_back(libc::SIGUSR2, false);
        // The test harness ignores SIGPIPE.
        let status = output(&["cat", "/proc/self/status"], no_process_options());
        let set = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            u64::from_str_radix(line.trim(), 16).expect("a number")
        };
        assert_eq!(set("SigBlk:"), 0);
        assert_eq!(set("SigIgn:") & 1 << (libc::SIGPIPE - 1), 0);
    });
}

#[test]
fn environment_and_directory_are_the_childs_own() {
    with_hub(|| {
        let word = CString::new("GREENHUB_WORD=green").expect("text");
        let envp = [word.as_ptr().cast_mut(), null_mut()];
        let mut options = no_process_options();
        options.envp = envp.as_ptr();
        assert_eq!(output(&["env"], options), "GREENHUB_WORD=green\n");

        let mut options = no_process_options();
        options.directory = c"/usr".as_ptr();
        assert_eq!(output(&["pwd"], options), "/usr\n");
        assert_eq!(output(&["bin/env", "-u", "PWD", "pwd"], options), "/usr\n");
        assert_eq!(failure(&["nowhere/env"], &options), -ENOENT);
    });
}

/// Process group and session, the fifth and sixth word of stat, of a child that waits.
fn group_and_session(flags: u32) -> (c_int, c_int, c_int) {
    let mut options = with_standard([PIPE, NULL, INHERIT]);
    options.flags = flags;
    let (pid, pipes) = started(&["cat"], &options);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running child");
    let words: Vec<c_int> = stat
        .rsplit_once(") S ")
        .or(stat.rsplit_once(") R "))
        .expect("a state")
        .1
        .split(' ')
        .take(3)
        .map(|word| word.parse().expect("a number"))
        .collect();
    assert_eq!(close(pipes[0]), 0);
    assert_eq!(collected(pid), 0);
    (pid, words[1], words[2])
}

#[test]
fn group_and_session_are_new_when_asked_for() {
    with_hub(|| {
        // SAFETY: only asks.
        let (group, session) = unsafe { (libc::getpgrp(), libc::getsid(0)) };
        let (pid, its_group, its_session) = group_and_session(0);
        assert!(pid != group && (its_group, its_session) == (group, session));
        let (pid, its_group, its_session) = group_and_session(1);
        assert_eq!((its_group, its_session), (pid, session));
        for flags in [2, 3] {
            let (pid, its_group, its_session) = group_and_session(flags);
            assert_eq!((its_group, its_session), (pid, pid));
        }
    });
}

#[test]
fn a_program_that_cannot_run_is_an_error() {
    with_hub(|| {
        let options = with_standard([PIPE, PIPE, PIPE]);
        assert_eq!(failure(&["greenhub-no-such-program"], &options), -ENOENT);
        assert_eq!(failure(&["/nonexistent/program"], &options), -ENOENT);
        assert_eq!(failure(&[""], &options), -ENOENT);
        assert_eq!(failure(&["/etc/passwd"], &options), -EACCES);
        assert_eq!(failure(&["/etc/passwd/x"], &options), -ENOTDIR);
        let mut options = options;
        options.directory = c"/nonexistent".as_ptr();
        assert_eq!(failure(&["true"], &options), -ENOENT);
        options.directory = c"/etc/passwd".as_ptr();
        assert_eq!(failure(&["true"], &options), -ENOTDIR);
    });
}

#[test]
fn bad_arguments_are_errors() {
    with_hub(|| {
        let good = no_process_options();
        let none = [null_mut()];
        assert_eq!(i64::from(c!(gh_spawn_process(null(), &good, null_mut()))), -EINVAL);
        assert_eq!(i64::from(c!(gh_spawn_process(none.as_ptr(), &good, null_mut()))), -EINVAL);
        let argv = [c"true".as_ptr().cast_mut(), null_mut()];
        let options = with_standard([PIPE, NULL, NULL]);
        assert_eq!(i64::from(c!(gh_spawn_process(argv.as_ptr(), &options, null_mut()))), -EINVAL);
        let pid = c!(gh_spawn_process(argv.as_ptr(), null(), null_mut()));
        assert_eq!(collected(pid), 0);

        let bad = |change: &dyn Fn(&mut gh_process_options)| {
            let mut options = no_process_options();
            change(&mut options);
            failure(&["true"], &options)
        };
        assert_eq!(bad(&|options| options.standard = [5, 0, 0]), -EINVAL);
        assert_eq!(bad(&|options| options.standard = [0, OUTPUT, 0]), -EINVAL);
        assert_eq!(bad(&|options| options.flags = 4), -EINVAL);
        assert_eq!(bad(&|options| options.reserved = 1), -EINVAL);
        assert_eq!(bad(&|options| options.size = 4), -EINVAL);
        assert_eq!(bad(&|options| options.size = 100_000), -E2BIG);
        for fd in [-1, c_int::MIN, 9_999, c_int::MAX] {
            for at in 0..3 {
                let error = bad(&|options| {
                    options.standard = [PIPE; 3];
                    options.standard[at] = DESCRIPTOR;
                    options.descriptors[at] = fd;
                });
                assert_eq!(error, -EBADF);
            }
        }
        let long = "x".repeat(3_000_000);
        assert_eq!(failure(&["true", &long], &no_process_options()), -E2BIG);
    });
}

#[test]
fn a_cancelled_green_thread_may_start_a_child_but_not_wait() {
    with_hub(|| {
        join(spawn(|| {
            assert_eq!(cancel(self_id()), 0);
            let (pid, _) = started(&["true"], &no_process_options());
            assert_eq!(waitpid(pid, 0, GH_NEVER).0, -ECANCELED);
            assert_eq!(waitpid(pid, libc::WNOHANG, GH_NEVER).0, -ECANCELED);
            let before = cancel_mask(true);
            assert_eq!(collected(pid), 0);
            cancel_mask(before != 0);
        }));
    });
}
