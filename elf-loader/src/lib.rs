//! BPF objects: opened, linked into instruction streams, loaded into the kernel.
