//! `purebpf headers`: a folder that a BPF program compiles with.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn headers(dir: &Path, btf: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_purebpf"));
    command.arg("headers").arg(dir).arg("--btf").arg(btf).output().expect("the tool runs")
}

/// The header of a BTF that bpftool dumped as C, kept in the BTF crate's test data, beside each header of the helpers.
#[test]
fn all_that_programs_include() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../btf/tests/data/dump");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("made/include");
    let output = headers(&dir, &data.join("kinds.btf"));
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");

    let vmlinux = dir.join("vmlinux.h");
    assert_eq!(fs::read(&vmlinux).expect("vmlinux.h"), fs::read(data.join("kinds.h")).expect("bpftool's answer"));
    for (name, text) in purebpf_helpers::HEADERS {
        assert_eq!(fs::read_to_string(dir.join(name)).expect(name), text);
    }

    // Written again only if it differs: an old time of change stays.
    let old = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
    fs::File::options().write(true).open(&vmlinux).and_then(|file| file.set_times(old)).expect("a time is set");
    assert!(headers(&dir, &data.join("kinds.btf")).status.success());
    let changed = fs::metadata(&vmlinux).and_then(|metadata| metadata.modified()).expect("vmlinux.h stays");
    assert_eq!(changed, std::time::SystemTime::UNIX_EPOCH);
}

#[test]
fn nothing_is_written_without_types() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("include");
    let output = headers(&dir, Path::new("/nonexistent.btf"));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read /nonexistent.btf"), "{output:?}");
    assert!(!dir.exists());
}
