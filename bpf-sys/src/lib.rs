//! The kernel's side of BPF: UAPI types, one safe function per bpf(2) command, perf events and mappings.
