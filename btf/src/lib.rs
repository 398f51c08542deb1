//! BTF and .BTF.ext: zero-copy parsing, indexed look-up, C dump.
