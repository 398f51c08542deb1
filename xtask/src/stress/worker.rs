//! The process that goes through seeds. It says on standard output what it found, and where it is in a file, for when it can say no
//! more.

use super::{blobs::Pool, exercise::exercise};
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

/// What a worker may have of memory. Whole kernels need about a quarter.
const MEMORY: u64 = 1 << 30;
/// Seconds of the processor that a blob may take; a whole kernel, everything done with it, takes two of them.
const SECONDS: u64 = 20;

/// Runs the task: `worker run POOL FROM TO`, or `worker emit POOL SEED FILE`, which writes a blob.
pub(super) fn run(args: &[String]) -> Result {
    let number = |text: &String| text.parse::<u64>().context(text);
    match args {
        [run, pool, from, to] if run == "run" => work(Path::new(pool), number(from)?, number(to)?),
        [emit, pool, seed, file] if emit == "emit" => {
            write(Path::new(file), &Pool::new(read(Path::new(pool))?)?.blob(number(seed)?))
        }
        _ => Err("usage: cargo xtask stress worker run POOL FROM TO | emit POOL SEED FILE".into()),
    }
}

/// The file in which the worker that goes up to `to` says where it is.
fn progress_file(pool: &Path, to: u64) -> PathBuf {
    pool.with_file_name(format!("progress-{to}"))
}

/// Where the worker was.
pub(super) fn progress(pool: &Path, from: u64, to: u64) -> Option<u64> {
    let bytes = std::fs::read(progress_file(pool, to)).ok()?;
    let seed = u64::from_le_bytes(bytes.try_into().ok()?);
    (from..to).contains(&seed).then_some(seed)
}

static SEED: AtomicU64 = AtomicU64::new(0);
/// When the blob was begun, in milliseconds of the processor.
static BEGUN: AtomicU64 = AtomicU64::new(0);
/// Where the last panic was.
static PLACE: Mutex<String> = Mutex::new(String::new());

fn work(pool_file: &Path, from: u64, to: u64) -> Result {
    bound_memory()?;
    let pool = Pool::new(read(pool_file)?)?;
    let progress = progress_file(pool_file, to);
    let progress = File::create(&progress).context(progress.display())?;
    BEGUN.store(processor_time(), Ordering::Relaxed);
    thread::spawn(watch);
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
    let (mut accepted, mut slowest) = (0, (0, from));
    for seed in from..to {
        SEED.store(seed, Ordering::Relaxed);
        let begun = processor_time();
        BEGUN.store(begun, Ordering::Relaxed);
        progress.write_all_at(&seed.to_le_bytes(), 0).context("where we are")?;
        if seed % 10_000 == 0 {
            println!("at {seed}");
        }
        let blob = pool.blob(seed);
        match panic::catch_unwind(AssertUnwindSafe(|| exercise(&blob))) {
            Ok(was_accepted) => accepted += u64::from(was_accepted),
            Err(payload) => {
                let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner).clone();
                println!("found {seed} panicked at {place}: {}", message(&*payload).replace('\n', " "));
            }
        }
        slowest = slowest.max((processor_time() - begun, seed));
    }
    println!("done {accepted} {} {} {}", to - from, slowest.0, slowest.1);
    Ok(())
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("something")
}

/// Ends the process when a blob takes too long.
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
