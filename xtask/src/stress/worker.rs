//! The process that goes through seeds. It says on standard output what it found, and where it is in a file, for when it can say no
//! more.

use super::{Kind, random::Random};
use crate::{
    error::{Context, Result},
    workspace::{read, write},
};
use std::{
    any::Any,
    fs::File,
    io,
    os::unix::fs::FileExt,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// What a worker may have of memory. Whole kernels of BTF, everything done with them, need about a quarter.
const MEMORY: u64 = 1 << 30;
/// Seconds of the processor that an input may take; a whole kernel of BTF takes two of them.
const SECONDS: u64 = 20;

const USAGE: &str =
    "usage: cargo xtask stress worker run KIND POOL FROM TO | emit KIND POOL SEED FILE | try KIND POOL FILE";

/// Runs the task: `run` goes through seeds, `emit` writes the input of a seed, `try` takes the input in a file, as `run` does.
pub(super) fn run(args: &[String]) -> Result {
    let number = |text: &String| text.parse::<u64>().context(text);
    let [what, kind, pool, rest @ ..] = args else { return Err(USAGE.into()) };
    let (kind, pool) = (Kind::named(kind).context(USAGE)?, Path::new(pool));
    match (what.as_str(), rest) {
        ("run", [from, to]) => work(kind, pool, number(from)?, number(to)?),
        ("emit", [seed, file]) => {
            let input = (kind.open)(pool)?.input(&mut Random::new(number(seed)?));
            write(Path::new(file), &input)
        }
        ("try", [file]) => {
            bound_memory()?;
            let inputs = (kind.open)(pool)?;
            let reached = inputs.exercise(&read(Path::new(file))?);
            println!("{:?}", &kind.stages[..reached]);
            Ok(())
        }
        _ => Err(USAGE.into()),
    }
}

/// Where a worker is, and what it has done so far: for when it can say no more.
pub(super) struct Progress {
    pub(super) seed: u64,
    pub(super) reached: Vec<u64>,
}

impl Progress {
    /// The file of the worker that goes up to `to`.
    fn file(pool: &Path, to: u64) -> PathBuf {
        pool.join(format!("progress-{to}"))
    }

    fn write(file: &File, seed: u64, reached: &[u64]) -> Result {
        let bytes: Vec<u8> = [&[seed], reached].concat().into_iter().flat_map(u64::to_le_bytes).collect();
        file.write_all_at(&bytes, 0).context("where we are")
    }

    /// Of the worker that went from `from` to `to` and died.
    pub(super) fn of(pool: &Path, from: u64, to: u64) -> Option<Progress> {
        let bytes = std::fs::read(Progress::file(pool, to)).ok()?;
        let mut words = bytes.chunks_exact(8).filter_map(|word| Some(u64::from_le_bytes(word.try_into().ok()?)));
        let progress = Progress { seed: words.next()?, reached: words.collect() };
        (from..to).contains(&progress.seed).then_some(progress)
    }
}

static SEED: AtomicU64 = AtomicU64::new(0);
/// When the input was begun, in milliseconds of the processor.
static BEGUN: AtomicU64 = AtomicU64::new(0);
/// Where the last panic was.
static PLACE: Mutex<String> = Mutex::new(String::new());

fn work(kind: &Kind, pool: &Path, from: u64, to: u64) -> Result {
    bound_memory()?;
    let inputs = (kind.open)(pool)?;
    let file = Progress::file(pool, to);
    let file = File::create(&file).context(file.display())?;
    BEGUN.store(processor_time(), Ordering::Relaxed);
    thread::spawn(watch);
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
    let (mut reached, mut slowest) = (vec![0; kind.stages.len()], (0, from));
    for seed in from..to {
        SEED.store(seed, Ordering::Relaxed);
        let begun = processor_time();
        BEGUN.store(begun, Ordering::Relaxed);
        Progress::write(&file, seed, &reached)?;
        let input = inputs.input(&mut Random::new(seed));
        match panic::catch_unwind(AssertUnwindSafe(|| inputs.exercise(&input))) {
            Ok(stages) => reached.iter_mut().take(stages).for_each(|count| *count += 1),
            Err(payload) => {
                let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner).clone();
                println!("found {seed} panicked at {place}: {}", message(&*payload).replace('\n', " "));
            }
        }
        slowest = slowest.max((processor_time() - begun, seed));
    }
    let reached: Vec<String> = reached.iter().map(u64::to_string).collect();
    println!("done {} {} {} {}", slowest.1, slowest.0, most_memory()?, reached.join(" "));
    Ok(())
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("something")
}

/// Ends the process when an input takes too long.
fn watch() {
    loop {
        thread::sleep(Duration::from_millis(500));
        let spent = processor_time().saturating_sub(BEGUN.load(Ordering::Relaxed));
        if spent > SECONDS * 1000 {
            println!("hung {} after {} s of the processor", SEED.load(Ordering::Relaxed), spent / 1000);
            process::exit(3);
        }
    }
}

/// Milliseconds of the processor that this process has taken.
fn processor_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes a timespec, which it is given the address of.
    if unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) } != 0 {
        return 0;
    }
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}

fn bound_memory() -> Result {
    let limit = libc::rlimit { rlim_cur: MEMORY, rlim_max: MEMORY };
    // SAFETY: the kernel reads an rlimit, which it is given the address of.
    match unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()).context("cannot bound memory"),
    }
}

/// The most memory that this process held at once, in KiB.
fn most_memory() -> Result<u64> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the kernel writes a rusage, which it is given the address of.
    match unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) } {
        // SAFETY: it was zeroed, which is a rusage, before the kernel wrote it.
        0 => Ok(unsafe { usage.assume_init() }.ru_maxrss as u64),
        _ => Err(io::Error::last_os_error()).context("cannot ask for the memory used"),
    }
}
