//! Loading: the whole object, then each program alone, by both. What the kernel refuses must be refused with the same error; what
//! libbpf itself refuses must be refused by someone. What was asked of the kernel meanwhile (xtask/oracle/bpf-watch.c) must be the
//! same: the attributes of programs and maps, and the object's types.

use super::{
    difference,
    oracle::{Oracle, killed, list, text, warnings},
    report::{Check, Report},
};
use crate::{
    corpus::objects::CorpusObject,
    error::{Context, Error, Result},
    workspace::read,
};
use purebpf::{Object, OpenObject, elf_loader};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    ptr,
};

/// Longest that one object may take, in seconds.
const PATIENCE: &str = "500";

/// The argument that makes this task one that loads an object and says what came of it.
pub(super) const WORKER: &str = "--load-one";

/// What watches calls of bpf(2), and where it may write.
pub(super) struct Watch {
    pub(super) library: PathBuf,
    pub(super) scratch: PathBuf,
}

impl Watch {
    /// Runs a command watched: what it asked of the kernel, line by line.
    fn watched<T>(&self, name: &str, run: impl FnOnce(&[(&str, &Path)]) -> Result<T>) -> Result<(T, String)> {
        let log = self.scratch.join(format!("{name}.calls"));
        _ = fs::remove_file(&log);
        let outcome = run(&[("LD_PRELOAD", &self.library), ("BPF_WATCH", &log)])?;
        let calls = if log.exists() { String::from_utf8_lossy(&read(&log)?).into_owned() } else { String::new() };
        _ = fs::remove_file(&log);
        Ok((outcome, calls))
    }
}

pub(super) fn compare(objects: &[CorpusObject], oracle: &Oracle, watch: &Watch, report: &mut Report) -> Result {
    for object in objects {
        let name = format!("{}-{}", object.source, object.name);
        let (theirs, their_calls) =
            watch.watched(&name, |env| oracle.ask_watched("load", std::slice::from_ref(object), None, env))?;
        let theirs = &theirs[0];
        let (ours, our_calls) = watch.watched(&name, |env| ask_ours(&object.path, env))?;
        let mut failed = |how: String| {
            report.count(Check::Loads, object.source, false);
            report.differences.push(difference(Check::Loads, object, "(whole)", how));
        };
        let ours = match (killed(theirs), ours) {
            (Some(how), _) => {
                failed(how);
                continue;
            }
            (_, Err(how)) => {
                failed(how);
                continue;
            }
            (_, Ok(ours)) => ours,
        };
        // What one of us does not open is a matter of `inspect`.
        if theirs["open"].is_object() || ours["open"].is_string() {
            continue;
        }
        judge(object, "(whole)", &theirs["whole"], &ours["whole"], report);
        for our in list(&ours, "programs") {
            let mut same_name = list(theirs, "programs").iter().filter(|theirs| theirs["name"] == our["name"]);
            let Some(theirs) = same_name.next() else { continue };
            judge(object, text(our, "name"), theirs, our, report);
        }
        let whole = theirs["whole"]["err"] == 0 && ours["whole"]["ok"] == true;
        let differences = calls(&their_calls, &our_calls, whole, &ours);
        report.count(Check::Calls, object.source, differences.is_empty());
        report.differences.extend(differences.into_iter().map(|(of, how)| difference(Check::Calls, object, &of, how)));
    }
    Ok(())
}

fn judge(object: &CorpusObject, of: &str, theirs: &Value, ours: &Value, report: &mut Report) {
    let err = theirs["err"].as_i64().unwrap_or_default();
    let refusal = text(ours, "text");
    let how = match (err, ours["ok"] == true) {
        (0, true) => None,
        (0, false) => Some(format!("only libbpf loads it: {refusal}")),
        (_, true) => Some(format!("only we load it: {err}: {}", warnings(theirs))),
        (_, false) => match (theirs["cmd"].as_i64(), ours["errno"].as_i64()) {
            (Some(_), Some(errno)) if -errno != err => {
                Some(format!("theirs {err}, ours -{errno}: {} | {refusal}", warnings(theirs)))
            }
            (Some(cmd), None) => Some(format!(
                "the kernel refuses theirs ({err}, command {cmd}), we refuse it before: {refusal} | {}",
                warnings(theirs)
            )),
            _ => None,
        },
    };
    report.count(Check::Loads, object.source, how.is_none());
    report.differences.extend(how.map(|how| difference(Check::Loads, object, of, one_line(&how))));
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// In what the calls of both differ. Where not all went well, one may have asked what the other did not come to.
fn calls(theirs: &str, ours: &str, whole: bool, described: &Value) -> Vec<(String, String)> {
    let (theirs, ours) = (Calls::read(theirs), Calls::read(ours));
    let mut differences = Vec::new();
    let names: BTreeSet<&str> = list(described, "names").iter().filter_map(Value::as_str).collect();
    // What failed before its first map may not have come to its types.
    let came_to_maps = |calls: &Calls| calls.rest.keys().any(|(_, name)| names.contains(name.as_str()));
    let types = theirs.btf.as_ref().zip(ours.btf.as_ref());
    if let Some((their, our)) =
        types.filter(|(their, our)| their != our && came_to_maps(&theirs) && came_to_maps(&ours))
    {
        differences.push(("(types)".to_owned(), different_words(&their.1, &our.1)));
    }
    for (key, their_lines) in &theirs.rest {
        match ours.rest.get(key) {
            Some(our_lines) if their_lines == our_lines => {}
            Some(our_lines) => {
                let (their, our) = (their_lines.difference(our_lines).next(), our_lines.difference(their_lines).next());
                match (their, our) {
                    (Some(their), Some(our)) => {
                        differences.push((format!("{} {}", key.0, key.1), different_words(their, our)));
                    }
                    // One of them tried twice, or did not come to its second try.
                    (Some(_), None) | (None, Some(_)) if !whole => {}
                    (their, our) => {
                        let (whose, line) = if their.is_some() { ("theirs", their) } else { ("ours", our) };
                        let line = line.map_or("", String::as_str);
                        differences.push((format!("{} {}", key.0, key.1), format!("only {whose} asks: {line}")));
                    }
                }
            }
            None if whole && names.contains(key.1.as_str()) => {
                differences.push((format!("{} {}", key.0, key.1), "only libbpf asks for it".to_owned()));
            }
            None => {}
        }
    }
    if whole {
        let more = ours.rest.keys().filter(|key| names.contains(key.1.as_str()) && !theirs.rest.contains_key(*key));
        differences.extend(more.map(|key| (format!("{} {}", key.0, key.1), "only we ask for it".to_owned())));
    }
    differences
}

fn different_words(theirs: &str, ours: &str) -> String {
    let different = theirs.split(' ').zip(ours.split(' ')).filter(|(their, our)| their != our);
    let words: Vec<String> = different.map(|(their, our)| format!("{their} / {our}")).collect();
    format!("theirs / ours: {}", words.join(", "))
}

/// What was asked of the kernel.
struct Calls {
    /// The largest types that were loaded: others are of probes.
    btf: Option<(u64, String)>,
    /// By kind and name.
    rest: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Calls {
    fn read(log: &str) -> Calls {
        let mut calls = Calls { btf: None, rest: BTreeMap::new() };
        for line in log.lines() {
            let mut words = line.split(' ');
            let (kind, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            if kind == "btf" {
                let size = words.next().and_then(|word| word.strip_prefix("size=")?.parse().ok()).unwrap_or_default();
                if calls.btf.as_ref().is_none_or(|(known, _)| *known < size) {
                    calls.btf = Some((size, line.to_owned()));
                }
            } else if !name.is_empty() && !name.starts_with("libbpf") {
                calls.rest.entry((kind.to_owned(), name.to_owned())).or_default().insert(line.to_owned());
            }
        }
        calls
    }
}

/// What we say of an object, by a process of its own; or what became of that.
fn ask_ours(path: &Path, env: &[(&str, &Path)]) -> Result<std::result::Result<Value, String>> {
    let this = env::current_exe().context("this program")?;
    let mut command = Command::new("timeout");
    command.arg(PATIENCE).arg(this).args(["compare", "objects", WORKER]).arg(path);
    command.envs(env.iter().map(|(name, value)| (name, value.as_os_str())));
    let output = command.stdin(Stdio::null()).output().context("cannot run `timeout`")?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Ok(Err(format!("we die ({}): {}", output.status, one_line(&error))));
    }
    serde_json::from_slice(&output.stdout).map(Ok).context(path.display())
}

/// Loads an object and says what came of it: what the hidden argument is for.
pub(super) fn load_one(path: &Path) -> Result {
    let answer = match Object::open(path) {
        Ok(open) => loaded(&open)?,
        Err(error) => json!({ "open": error.to_string() }),
    };
    println!("{answer}");
    Ok(())
}

fn loaded(open: &OpenObject) -> Result<Value> {
    let description = open.description();
    own_bpffs(true)?;
    let whole = load(open);
    let mut programs = Vec::new();
    for (id, program) in open.program_ids().zip(&description.programs) {
        let mut answer = json!({ "ok": true });
        if whole["ok"] != true || !program.autoload {
            let mut alone = open.clone();
            for (index, program) in alone.description_mut().programs.iter_mut().enumerate() {
                program.autoload = index == id.0;
            }
            own_bpffs(false)?;
            answer = load(&alone);
        }
        answer["name"] = json!(program.name);
        programs.push(answer);
    }
    // Those that the whole object has in the kernel.
    let names = description.programs.iter().filter(|program| program.autoload).map(|program| &program.name);
    let names: Vec<String> =
        names.chain(description.maps.iter().map(|map| &map.name)).map(|name| name.chars().take(15).collect()).collect();
    Ok(json!({ "whole": whole, "programs": programs, "names": names }))
}

fn load(open: &OpenObject) -> Value {
    match open.load() {
        Ok(_loaded) => json!({ "ok": true }),
        Err(error) => {
            let text: String = error.to_string().chars().take(500).collect();
            json!({ "ok": false, "errno": errno(&error), "text": text })
        }
    }
}

/// The errno of the kernel's that is behind an error.
fn errno(error: &purebpf::Error) -> Option<i32> {
    match error {
        purebpf::Error::Map { cause, .. } => Some(cause.errno()),
        purebpf::Error::Object { cause, .. } => match &**cause {
            elf_loader::Error::BtfLoad { cause, .. }
            | elf_loader::Error::ModuleBtf { cause, .. }
            | elf_loader::Error::MapCreate { cause, .. }
            | elf_loader::Error::MapFill { cause, .. }
            | elf_loader::Error::MapSlot { cause, .. }
            | elf_loader::Error::JumpTable { cause, .. }
            | elf_loader::Error::MapPin { cause: Some(cause), .. }
            | elf_loader::Error::Rejected { cause, .. } => Some(cause.errno()),
            _ => None,
        },
        _ => None,
    }
}

/// Gives this process a bpffs of its own, empty: what is pinned there is gone with it, or with the next.
fn own_bpffs(is_first: bool) -> Result {
    let failed = |what: &str| Error::new(format!("{what}: {}", io::Error::last_os_error()));
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    if is_first {
        // SAFETY: neither call is given any memory but constant strings.
        let failures = unsafe {
            libc::unshare(libc::CLONE_NEWNS) | libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), flags, ptr::null())
        };
        if failures != 0 {
            return Err(failed("no mount namespace of its own"));
        }
    } else {
        // SAFETY: as above.
        unsafe { libc::umount2(c"/sys/fs/bpf".as_ptr(), libc::MNT_DETACH) };
    }
    // SAFETY: as above.
    if unsafe { libc::mount(c"bpf".as_ptr(), c"/sys/fs/bpf".as_ptr(), c"bpf".as_ptr(), 0, ptr::null()) } != 0 {
        return Err(failed("no bpffs")).context("/sys/fs/bpf");
    }
    Ok(())
}
