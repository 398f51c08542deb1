//! The example, as its users run it: it reports processes that this test starts, as they are.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::kernel_test;
use serde_json::Value;

/// The example, running and attached.
struct Execsnoop {
    child: Child,
    lines: Box<dyn Iterator<Item = Value>>,
    /// Passes on what it says on standard error; gives the last line.
    complaints: std::thread::JoinHandle<String>,
}

impl Execsnoop {
    /// Starts it with `--json` and further arguments, and waits until it sees processes. It ends by itself after a while,
    /// so that an event that does not come fails the test, and does not keep it.
    fn start(arguments: &[&str]) -> Execsnoop {
        let limit: &[&str] = if arguments.contains(&"--duration") { &[] } else { &["--duration", "150"] };
        let mut child = Command::new(common::example("execsnoop"))
            .arg("--json")
            .args(arguments)
            .args(limit)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example runs");
        // It says when it is attached: nothing that starts later is missed.
        let mut stderr = BufReader::new(child.stderr.take().expect("asked for a pipe"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("a pipe");
        assert!(line.contains("attached"), "{line}");
        let stdout = BufReader::new(child.stdout.take().expect("asked for a pipe"));
        let lines = stdout.lines().map(|line| serde_json::from_str(&line.expect("a pipe")).expect("JSON"));
        // Whatever else it says is to be seen, not to fill the pipe.
        let pass_on = move || {
            let lines = stderr.lines().map_while(Result::ok);
            lines.inspect(|line| eprintln!("{line}")).last().unwrap_or_default()
        };
        Execsnoop { child, lines: Box::new(lines), complaints: std::thread::spawn(pass_on) }
    }

    /// The next event of a process.
    fn event_of(&mut self, pid: u32, what: &str) -> Value {
        self.lines.find(|event| event["pid"] == pid && event["event"] == what).expect("the event comes")
    }

    /// Asks it to end, as Ctrl-C does, and sees that it does so in good order.
    fn interrupt(self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is ours");
        self.finish();
    }

    /// Waits for its end, which must be in good order; how many events came until then, and what it said at last.
    fn finish(mut self) -> (usize, String) {
        // It must not block on a full pipe.
        let events = self.lines.by_ref().count();
        let status = self.child.wait().expect("it is ours");
        assert!(status.success(), "{status}");
        let last = self.complaints.join().expect("it only reads and prints");
        (events, last)
    }
}

/// This test's own binary, which is there in every virtual machine: with these arguments it does nothing but list tests.
const ARGUMENTS: [&str; 3] = ["--list", "argument with  spaces", "--skip=€"];

fn own_binary() -> Command {
    Command::new(std::env::current_exe().expect("procfs is mounted"))
}

#[test]
fn processes_are_reported_as_they_are() {
    kernel_test(|| {
        let mut execsnoop = Execsnoop::start(&[]);
        let child = own_binary().args(ARGUMENTS).stdout(Stdio::null()).spawn().expect("our own binary runs");
        let pid = child.id();
        let status = { child }.wait().expect("it is ours");

        let exec = execsnoop.event_of(pid, "exec");
        let own = std::env::current_exe().expect("procfs is mounted");
        assert_eq!(exec["ppid"], std::process::id());
        assert_eq!(exec["uid"], 0);
        assert_eq!(exec["filename"], own.to_str().expect("UTF-8"));
        let arguments: Vec<_> = exec["args"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert_eq!(arguments[0], own.to_str().expect("UTF-8"));
        assert_eq!(&arguments[1..], ARGUMENTS);
        assert_eq!(exec["args_truncated"], false);
        let name = own.file_name().expect("a file").to_str().expect("UTF-8");
        assert_eq!(exec["comm"], name[..name.len().min(15)]);

        let exit = execsnoop.event_of(pid, "exit");
        assert_eq!(exit["ppid"], std::process::id());
        assert_eq!(exit["exit_code"], status.code().expect("it was not killed"));
        assert_eq!(exit["signal"], Value::Null);
        assert!(exit["duration_ns"].as_u64().expect("a number") > 0);
        execsnoop.interrupt();
    });
}

#[test]
fn exit_codes_and_signals_are_told_apart() {
    kernel_test(|| {
        let mut execsnoop = Execsnoop::start(&[]);
        // libtest refuses an option that it does not know.
        let mut failing =
            own_binary().arg("--no-such-option").stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let pid = failing.id();
        let code = failing.wait().unwrap().code().expect("it was not killed");
        assert_ne!(code, 0);
        assert_eq!(execsnoop.event_of(pid, "exit")["exit_code"], code);

        // Waits for its standard input for as long as we keep it open.
        let mut waiting = own_binary()
            .args(["--exact", "helper_that_waits", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let pid = waiting.id();
        execsnoop.event_of(pid, "exec");
        waiting.kill().unwrap();
        waiting.wait().unwrap();
        let exit = execsnoop.event_of(pid, "exit");
        assert_eq!(exit["signal"], 9);
        assert_eq!(exit["exit_code"], Value::Null);
        execsnoop.interrupt();
    });
}

/// Not a test of its own: a process for others to start, and to end when they like.
#[test]
#[ignore = "waits for its standard input; started by another test"]
fn helper_that_waits() {
    println!("waiting");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
}

#[test]
fn it_ends_by_itself_after_so_many_events() {
    kernel_test(|| {
        let execsnoop = Execsnoop::start(&["--count", "4"]);
        for _ in 0..8 {
            let _ = own_binary().arg("--list").stdout(Stdio::null()).status().unwrap();
        }
        let (events, last) = execsnoop.finish();
        assert_eq!(events, 4);
        // What was dropped is reported at the end, nothing included.
        assert!(last.contains("4 events shown, 0 dropped"), "{last}");
    });
}

#[test]
fn it_ends_by_itself_after_a_while() {
    kernel_test(|| {
        Execsnoop::start(&["--duration", "1"]).finish();
    });
}

#[test]
fn other_users_are_left_out() {
    kernel_test(|| {
        use std::os::unix::process::CommandExt;
        // Nobody else on this machine.
        let stranger = 1_234_567;
        let mut execsnoop = Execsnoop::start(&["--uid", "1234567"]);
        let mut ours = own_binary().arg("--list").stdout(Stdio::null()).spawn().unwrap();
        let our_pid = ours.id();
        ours.wait().unwrap();
        // Only root may read this test's folder, perhaps: a file that everybody can execute will do.
        let mut theirs = match Command::new("/proc/self/exe").arg("--list").uid(stranger).stdout(Stdio::null()).spawn()
        {
            Ok(child) => child,
            Err(error) => {
                common::skip(format_args!("a stranger may not execute this test's binary: {error}"));
                return execsnoop.interrupt();
            }
        };
        let their_pid = theirs.id();
        theirs.wait().unwrap();
        let first = execsnoop.lines.next().expect("an event comes");
        assert_eq!(first["uid"], stranger);
        assert_ne!(first["pid"], our_pid);
        assert_eq!(first["pid"], their_pid);
        execsnoop.interrupt();
    });
}

#[test]
fn short_processes_can_be_left_out() {
    kernel_test(|| {
        const LIMIT: Duration = Duration::from_secs(1);
        let mut execsnoop = Execsnoop::start(&["--min-duration", "1000"]);
        // On a slow machine a process that does nothing may take longer than that: the first that does not, by our own clock.
        let short_one = || {
            let started = Instant::now();
            let mut child = own_binary().arg("--list").stdout(Stdio::null()).spawn().unwrap();
            let pid = child.id();
            child.wait().unwrap();
            (started.elapsed() < LIMIT).then_some(pid)
        };
        let short = (0..20).find_map(|_| short_one()).expect("a machine on which something takes less than a second");

        let mut long = own_binary()
            .args(["--exact", "helper_that_waits", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(long.stdout.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().contains("waiting")), "it says when it runs");
        // The time that is asked for must really pass.
        std::thread::sleep(LIMIT);
        drop(long.stdin.take());
        said.for_each(drop);
        long.wait().unwrap();

        let our_own = |event: &Value| event["ppid"] == std::process::id();
        loop {
            let event = execsnoop.lines.by_ref().find(our_own).expect("an event comes");
            assert_eq!(event["event"], "exit");
            assert!(event["duration_ns"].as_u64().expect("a number") >= LIMIT.as_nanos() as u64, "{event}");
            assert_ne!(event["pid"], short);
            if event["pid"] == long.id() {
                break;
            }
        }
        execsnoop.interrupt();
    });
}

/// What the example complains of when it is started by `command` and cannot go on: one line, and nothing else.
fn complaint(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    let complaint = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    complaint
}

#[test]
fn without_root_it_says_what_it_needs() {
    kernel_test(|| {
        use std::os::unix::process::CommandExt;
        // Only root may read the folder it was built in, perhaps.
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("it is ours");
        let copy = folder.path().join("execsnoop");
        std::fs::copy(common::example("execsnoop"), &copy).expect("the folder takes files");
        let complaint = complaint(Command::new(copy).uid(65_534).gid(65_534).current_dir("/"));
        assert!(complaint.contains("needs root") && complaint.contains("EPERM"), "{complaint}");
    });
}

#[test]
fn without_kernel_types_it_says_so() {
    kernel_test(|| {
        // The kernel's types hidden from one process, by an empty file system mounted over them where only it looks.
        let script = r#"mount -t tmpfs none /sys/kernel/btf && exec "$0""#;
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script]).arg(common::example("execsnoop"));
        let complaint = complaint(&mut command);
        for word in ["/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF"] {
            assert!(complaint.contains(word), "'{word}' is missing in: {complaint}");
        }
    });
}
