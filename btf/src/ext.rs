//! `.BTF.ext`: what a BPF object says about its instructions.
