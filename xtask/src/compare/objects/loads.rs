//! Loading: the whole object, then each program alone, by both. What the kernel refuses must be refused with the same error; what
//! libbpf itself refuses must be refused by someone.

use super::{
    difference,
    oracle::{Oracle, killed, list, text, warnings},
    report::{Check, Report},
};
use crate::{
    corpus::objects::CorpusObject,
    error::{Context, Error, Result},
};
use purebpf::{Object, OpenObject, elf_loader};
use serde_json::Value;
use std::{
    cell::Cell,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

/// Why we did not load something.
struct Refusal {
    /// The kernel's, if it was the kernel that refused.
    errno: Option<i32>,
    text: String,
}

pub(super) fn compare(objects: &[CorpusObject], oracle: &Oracle, report: &mut Report) -> Result {
    for (object, theirs) in objects.iter().zip(oracle.ask("load", objects, None)?) {
        if let Some(how) = killed(&theirs) {
            report.count(Check::Loads, object.source, false);
            report.differences.push(difference(Check::Loads, object, "", how));
            continue;
        }
        if theirs["open"].is_object() {
            continue;
        }
        let Ok(open) = Object::open(&object.path) else { continue };
        own_bpffs()?;
        let whole = load(&open);
        judge(object, "", &theirs["whole"], &whole, report);
        let programs = list(&theirs, "programs");
        for (id, program) in open.program_ids().zip(&open.description().programs) {
            let Some(theirs) = programs.iter().find(|theirs| text(theirs, "name") == program.name) else { continue };
            if whole.is_ok() && theirs["alone"] == false {
                judge(object, &program.name, theirs, &Ok(()), report);
                continue;
            }
            let mut alone = open.clone();
            for (index, program) in alone.description_mut().programs.iter_mut().enumerate() {
                program.autoload = index == id.0;
            }
            own_bpffs()?;
            judge(object, &program.name, theirs, &load(&alone), report);
        }
    }
    Ok(())
}

fn judge(
    object: &CorpusObject,
    of: &str,
    theirs: &Value,
    ours: &std::result::Result<(), Refusal>,
    report: &mut Report,
) {
    let err = theirs["err"].as_i64().unwrap_or_default();
    let said = || warnings(theirs);
    let how = match (err, ours) {
        (0, Ok(())) => None,
        (0, Err(refusal)) => Some(format!("only libbpf loads it: {}", refusal.text)),
        (_, Ok(())) => Some(format!("only we load it: {err}: {}", said())),
        (_, Err(refusal)) => match (theirs["cmd"].as_i64(), refusal.errno) {
            (Some(_), Some(errno)) if i64::from(-errno) != err => {
                Some(format!("theirs {err}, ours -{errno}: {} | {}", said(), refusal.text))
            }
            (Some(cmd), None) => Some(format!(
                "the kernel refuses theirs ({err}, command {cmd}), we refuse it before: {} | {}",
                refusal.text,
                said()
            )),
            _ => None,
        },
    };
    report.count(Check::Loads, object.source, how.is_none());
    let one_line = |how: String| how.split_whitespace().collect::<Vec<_>>().join(" ");
    report.differences.extend(
        how.map(|how| difference(Check::Loads, object, if of.is_empty() { "(whole)" } else { of }, one_line(how))),
    );
}

fn load(open: &OpenObject) -> std::result::Result<(), Refusal> {
    match catch_unwind(AssertUnwindSafe(|| open.load())) {
        Ok(Ok(_loaded)) => Ok(()),
        Ok(Err(error)) => Err(Refusal { errno: errno(&error), text: shortened(&error.to_string()) }),
        Err(_) => Err(Refusal { errno: Some(0), text: "we panic".to_owned() }),
    }
}

/// The end of the first lines, which tell most.
fn shortened(text: &str) -> String {
    text.chars().take(400).collect()
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
            | elf_loader::Error::Rejected { cause, .. } => Some(cause.errno()),
            _ => None,
        },
        _ => None,
    }
}

/// Gives this thread a bpffs of its own, empty: what is pinned there is gone with the next.
fn own_bpffs() -> Result {
    thread_local! { static IS_OWN: Cell<bool> = const { Cell::new(false) } }
    let failed = |what: &str| Error::new(format!("{what}: {}", io::Error::last_os_error()));
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    if !IS_OWN.get() {
        // SAFETY: neither call is given any memory but constant strings.
        let failures = unsafe {
            libc::unshare(libc::CLONE_NEWNS) | libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), flags, ptr::null())
        };
        if failures != 0 {
            return Err(failed("no mount namespace of its own"));
        }
        IS_OWN.set(true);
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
