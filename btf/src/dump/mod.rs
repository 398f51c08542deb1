//! BTF as text: raw as `bpftool btf dump` lists it, and as a C header.
