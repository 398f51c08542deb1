//! Calls of helpers that do not exist, in place of instructions that nothing can be made of: harmless unless they are reached,
//! and then the number in the verifier's log tells what was missing. The numbers are libbpf's.

/// What an instruction becomes that refers to a map that was not created, plus the map's number.
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), allow(dead_code, reason = "written when loading"))]
pub(crate) const MAP: i32 = 2_001_000_000;

/// What a call to a weak kfunc becomes that is not there, plus the extern's number.
pub(crate) const KFUNC_CALL: i32 = 2_002_000_000;
