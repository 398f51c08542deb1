//! CO-RE: what a BPF relocation comes to against another kernel's BTF.
