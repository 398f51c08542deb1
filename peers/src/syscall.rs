//! How long bpf(2) takes, whoever calls it: libc's `syscall`, by which every library here calls it, is this one in the program.

use std::{
    arch::asm,
    ffi::{c_int, c_long},
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

#[cfg(target_arch = "x86_64")]
const BPF: c_long = 321;
#[cfg(target_arch = "aarch64")]
const BPF: c_long = 280;

/// The last number that stands for an error.
const MAX_ERRNO: c_long = 4095;

static NANOSECONDS: AtomicU64 = AtomicU64::new(0);

/// How many nanoseconds have been spent in bpf(2).
pub fn in_bpf() -> u64 {
    NANOSECONDS.load(Ordering::Relaxed)
}

unsafe extern "C" {
    safe fn __errno_location() -> *mut c_int;
}

/// `syscall` of libc. Its arguments come as those of any function that is not variadic.
#[unsafe(no_mangle)]
extern "C" fn syscall(number: c_long, a: c_long, b: c_long, c: c_long, d: c_long, e: c_long, f: c_long) -> c_long {
    let arguments = [a, b, c, d, e, f];
    // SAFETY: the caller's promises are ours.
    let result = match number {
        BPF => {
            let start = Instant::now();
            let result = unsafe { enter(number, arguments) };
            NANOSECONDS.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
            result
        }
        _ => unsafe { enter(number, arguments) },
    };
    if !(-MAX_ERRNO..0).contains(&result) {
        return result;
    }
    // SAFETY: the thread's own.
    unsafe { *__errno_location() = -result as c_int };
    -1
}

#[cfg(target_arch = "x86_64")]
unsafe fn enter(number: c_long, [a, b, c, d, e, f]: [c_long; 6]) -> c_long {
    let result;
    // SAFETY: what the kernel does is the caller's promise; it leaves all registers but these as they were.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e,
            in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

#[cfg(target_arch = "aarch64")]
unsafe fn enter(number: c_long, [a, b, c, d, e, f]: [c_long; 6]) -> c_long {
    let result;
    // SAFETY: what the kernel does is the caller's promise; it leaves all registers but these as they were.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a => result, in("x1") b, in("x2") c, in("x3") d, in("x4") e,
            in("x5") f, options(nostack));
    }
    result
}
