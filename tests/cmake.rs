//! CMake's `find_package(greenhub)` on an installed tree: programs are built
//! with its targets, shared and static, from wherever the tree lies.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::install::{make, needed, prefix, prints_what_is_expected};
use support::{installed, read, root, scratch, skip};

/// One OS thread, and several.
const EXAMPLES: [&str; 2] = ["hello", "many_hubs"];

fn have_cmake() -> bool {
    let have = installed("cmake");
    if !have {
        skip("cmake", "not installed");
    }
    have
}

/// Configures a project of tests/cmake in `out`, which looks for the library in
/// `tree` alone.
fn configure(project: &str, tree: &Path, out: &Path, settings: &[String]) -> Output {
    Command::new("cmake")
        .arg("-S")
        .arg(root().join("tests/cmake").join(project))
        .arg("-B")
        .arg(out)
        .args(["-G", "Unix Makefiles"])
        .arg(format!("-DCMAKE_PREFIX_PATH={}", tree.display()))
        .args(settings.iter().map(|setting| format!("-D{setting}")))
        .env_remove("CMAKE_PREFIX_PATH")
        .env_remove("greenhub_DIR")
        .env_remove("MAKEFLAGS")
        .output()
        .expect("cmake runs")
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// What the project of a user says: which target it links, of which version.
fn program_settings(component: &str, library: &str) -> Vec<String> {
    vec![
        format!("WANTED={}", env!("CARGO_PKG_VERSION")),
        format!("COMPONENT={component}"),
        format!("LIBRARY={library}"),
        format!("EXAMPLES={}", root().join("c_examples").display()),
    ]
}

/// Builds the examples with a target of the tree; the folder they are in.
fn build(tree: &Path, out: PathBuf, component: &str, library: &str) -> PathBuf {
    let configured = configure("program", tree, &out, &program_settings(component, library));
    assert!(configured.status.success(), "{}", said(&configured));
    let built = Command::new("cmake")
        .arg("--build")
        .arg(&out)
        .env_remove("MAKEFLAGS")
        .output()
        .expect("cmake runs");
    assert!(built.status.success(), "{}", said(&built));
    out
}

fn built_shared(tree: &Path, out: PathBuf) {
    let out = build(tree, out, "shared", "greenhub::greenhub");
    for name in EXAMPLES {
        let program = out.join(name);
        assert!(needed(&program).contains("[libgreenhub.so.0]"), "{}", needed(&program));
        prints_what_is_expected(&program, name, None);
    }
}

/// Today's glibc has most of them in one, so that a program is built without
/// them; an older one's is not.
fn links_what_the_static_library_needs(line: &Path) {
    let line = fs::read_to_string(line).expect("cmake writes how it links");
    let linked: Vec<&str> = line.split_whitespace().collect();
    let template = read("greenhub.pc.in");
    let needs = template.lines().find_map(|line| line.strip_prefix("Libs.private: "));
    for library in needs.expect("Libs.private").split_whitespace() {
        assert!(linked.contains(&library), "{library}: {line}");
    }
}

fn built_static(tree: &Path, out: PathBuf) {
    let out = build(tree, out, "static", "greenhub::static");
    for name in EXAMPLES {
        let program = out.join(name);
        assert!(!needed(&program).contains("greenhub"), "{}", needed(&program));
        links_what_the_static_library_needs(&out.join(format!("CMakeFiles/{name}.dir/link.txt")));
        prints_what_is_expected(&program, name, None);
    }
}

#[test]
fn programs_are_built_with_either_target() {
    if !have_cmake() {
        return;
    }
    let scratch = scratch("either");
    let tree = scratch.join("tree");
    make(&["install".to_string(), prefix(&tree)]);
    built_shared(&tree, scratch.join("shared"));
    built_static(&tree, scratch.join("static"));
}

/// As a package is made: installed below DESTDIR, with a folder for each
/// architecture, unpacked elsewhere.
#[test]
fn a_tree_that_was_moved_is_found() {
    if !have_cmake() {
        return;
    }
    let scratch = scratch("moved");
    make(&[
        "install".to_string(),
        format!("DESTDIR={}", scratch.join("staging").display()),
        "PREFIX=/opt/greenhub".to_string(),
        "LIBDIR=/opt/greenhub/lib/x86_64-linux-gnu".to_string(),
        "INCLUDEDIR=/opt/greenhub/include/greenhub-0".to_string(),
    ]);
    let tree = scratch.join("elsewhere");
    fs::rename(scratch.join("staging/opt/greenhub"), &tree).expect("the tree is moved");
    let config = tree.join("lib/x86_64-linux-gnu/cmake/greenhub/greenhub-config.cmake");
    let text = fs::read_to_string(config).expect("a config");
    assert!(!text.contains("staging") && !text.contains("@"), "{text}");
    built_shared(&tree, scratch.join("shared"));
}

/// Debian's /lib is a link to /usr/lib, and CMake looks there first.
#[test]
fn a_tree_that_is_found_through_a_link_to_its_lib_is_whole() {
    if !have_cmake() {
        return;
    }
    let scratch = scratch("merged");
    make(&["install".to_string(), prefix(&scratch.join("usr"))]);
    std::os::unix::fs::symlink("usr/lib", scratch.join("lib")).expect("a link");
    built_shared(&scratch, scratch.join("shared"));
}

#[test]
fn a_header_folder_outside_of_the_prefix_is_found() {
    if !have_cmake() {
        return;
    }
    let scratch = scratch("outside");
    let tree = scratch.join("tree");
    let headers = scratch.join("headers");
    make(&["install".to_string(), prefix(&tree), format!("INCLUDEDIR={}", headers.display())]);
    assert!(headers.join("greenhub.h").is_file());
    built_shared(&tree, scratch.join("shared"));
}

/// A tree need not hold both kinds; asking for the one it lacks says so.
#[test]
fn a_kind_that_was_not_installed_is_not_found() {
    if !have_cmake() {
        return;
    }
    let scratch = scratch("kinds");
    let tree = scratch.join("tree");
    make(&["install-static".to_string(), prefix(&tree)]);
    built_static(&tree, scratch.join("static"));
    let settings = program_settings("shared", "greenhub::greenhub");
    let configured = configure("program", &tree, &scratch.join("shared"), &settings);
    assert!(!configured.status.success(), "{}", said(&configured));
    assert!(said(&configured).contains("no shared library in"), "{}", said(&configured));
}

/// Which requests the installed version answers: before 1.0, those of its own
/// minor version.
#[test]
fn versions_stand_in_for_one_another_as_the_abi_promises() {
    if !have_cmake() {
        return;
    }
    let part = |text: &str| text.parse::<u32>().expect("a number");
    let major = part(env!("CARGO_PKG_VERSION_MAJOR"));
    let minor = part(env!("CARGO_PKG_VERSION_MINOR"));
    let patch = part(env!("CARGO_PKG_VERSION_PATCH"));
    let next = minor + 1;
    let unstable = major == 0;
    let mut requests = vec![
        (format!("{major}.{minor}.{patch}"), true),
        (format!("{major}.{minor}"), true),
        (format!("{major}.{minor}.{}", patch + 1), false),
        (format!("{major}.{next}"), false),
        (format!("{}.0", major + 1), false),
        (format!("{major}.{minor}...{major}.{next}"), true),
        (format!("{major}.{minor}...{major}.{minor}.{patch}"), true),
        (format!("{major}.{next}...{major}.{}", next + 1), false),
    ];
    if minor > 0 {
        requests.push((format!("{major}.{}", minor - 1), !unstable));
        requests.push((format!("{major}.{}...<{major}.{next}", minor - 1), true));
        requests.push((format!("{major}.{}...<{major}.{minor}.{patch}", minor - 1), false));
    }
    let scratch = scratch("versions");
    let tree = scratch.join("tree");
    make(&["install".to_string(), prefix(&tree)]);
    let wanted: Vec<&str> = requests.iter().map(|(version, _)| version.as_str()).collect();
    let setting = format!("WANTED={}", wanted.join(";"));
    let configured = configure("versions", &tree, &scratch.join("out"), &[setting]);
    assert!(configured.status.success(), "{}", said(&configured));
    let answers = String::from_utf8_lossy(&configured.stderr).into_owned();
    let found: Vec<&str> = answers.lines().filter(|line| line.contains(": ")).collect();
    let expected: Vec<String> =
        requests.iter().map(|(version, yes)| format!("{version}: {}", u8::from(*yes))).collect();
    assert_eq!(found, expected);
}
