//! From an instruction, or an address in machine code, to the source line that it came from.

use super::{prog_jited_func_lens, prog_jited_ksyms, prog_jited_line_info, prog_line_info};
use crate::{
    error::{Error, Result},
    uapi::bpf_line_info,
};
use std::{ops::Range, os::fd::BorrowedFd};

/// The source lines of a loaded program, and where each begins in the program and in its machine code.
///
/// File and text stand in the strings of the program's BTF, at [`file_name_off`](bpf_line_info::file_name_off) and
/// [`line_off`](bpf_line_info::line_off); line and column in [`line_col`](bpf_line_info::line_col), 22 bits and 10.
#[derive(Clone, Debug, Default)]
#[doc(alias = "bpf_prog_linfo")]
pub struct ProgLines {
    lines: Vec<bpf_line_info>,
    addresses: Vec<u64>,
    functions: Vec<Function>,
}

/// A compiled function: its machine code, and its part of the lines.
#[derive(Clone, Debug)]
struct Function {
    code: Range<u64>,
    lines: Range<usize>,
}

impl ProgLines {
    /// The lines of a program, asked of the kernel. Without those of machine code where it may not be seen
    /// (`kernel.kptr_restrict`, no CAP_SYS_ADMIN) or there is none.
    ///
    /// # Errors
    ///
    /// As [`prog_info`](super::prog_info).
    pub fn of(prog: BorrowedFd<'_>) -> Result<ProgLines> {
        let lines = prog_line_info(prog)?;
        let addresses = prog_jited_line_info(prog)?;
        ProgLines::new(lines, addresses, &prog_jited_ksyms(prog)?, &prog_jited_func_lens(prog)?)
    }

    /// Lines from the arrays of `bpf_prog_info`: `line_info`, `jited_line_info` (one address for each line, or none at all),
    /// and of each compiled function the address and the length.
    ///
    /// # Errors
    ///
    /// `Invalid` for lines out of order, and for addresses that belong to no function, or not in the functions' order.
    #[doc(alias = "bpf_prog_linfo__new")]
    pub fn new(
        lines: Vec<bpf_line_info>, addresses: Vec<u64>, jited_ksyms: &[u64], jited_func_lens: &[u32],
    ) -> Result<ProgLines> {
        if !lines.is_sorted_by_key(|line| line.insn_off) {
            return Err(Error::invalid("line_info is not in the order of instructions", lines.len()));
        }
        let mut functions = Vec::new();
        if !addresses.is_empty() {
            if addresses.len() != lines.len() {
                return Err(Error::invalid("jited_line_info has not one address for each line", addresses.len()));
            }
            let mut next = 0;
            for (start, len) in jited_ksyms.iter().zip(jited_func_lens) {
                let code = *start..start.saturating_add(u64::from(*len));
                let rest = addresses.get(next..).unwrap_or_default();
                let count = rest.iter().take_while(|address| code.contains(*address)).count();
                if !rest.iter().take(count).is_sorted() {
                    return Err(Error::invalid("jited_line_info is not in the order of machine code", next));
                }
                functions.push(Function { code, lines: next..next + count });
                next += count;
            }
            if let Some(address) = addresses.get(next) {
                return Err(Error::invalid("a line's address is in no function", format_args!("{address:#x}")));
            }
        }
        Ok(ProgLines { lines, addresses, functions })
    }

    /// All lines, by the instruction that each begins at.
    pub fn lines(&self) -> &[bpf_line_info] {
        &self.lines
    }

    /// The line of an instruction, by its number in the program as the verifier left it; `None` before the first line.
    #[doc(alias = "bpf_prog_linfo__lfind")]
    pub fn at_insn(&self, insn_off: u32) -> Option<&bpf_line_info> {
        let after = self.lines.partition_point(|line| line.insn_off <= insn_off);
        self.lines.get(after.checked_sub(1)?)
    }

    /// The line of an address in the machine code of the function of this number; `None` before the function's first line.
    #[doc(alias = "bpf_prog_linfo__lfind_addr_func")]
    pub fn at_address_in(&self, func_idx: usize, address: u64) -> Option<&bpf_line_info> {
        let function = self.functions.get(func_idx)?;
        let addresses = self.addresses.get(function.lines.clone())?;
        let after = addresses.partition_point(|line| *line <= address);
        self.lines.get(function.lines.start + after.checked_sub(1)?)
    }

    /// The line of an address in the machine code, of whichever function it is.
    pub fn at_address(&self, address: u64) -> Option<&bpf_line_info> {
        let func_idx = self.functions.iter().position(|function| function.code.contains(&address))?;
        self.at_address_in(func_idx, address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(insn_offs: &[u32]) -> Vec<bpf_line_info> {
        insn_offs.iter().map(|insn_off| bpf_line_info { insn_off: *insn_off, ..Default::default() }).collect()
    }

    // Two functions, at 0x100 with 0x20 bytes and at 0x80 with 0x10. Expectations by bpf_prog_linfo__lfind and
    // bpf_prog_linfo__lfind_addr_func of libbpf.
    #[test]
    fn lines_are_found_by_instruction_and_by_address() {
        let addresses = vec![0x100, 0x108, 0x80, 0x8c];
        let found = ProgLines::new(lines(&[0, 3, 7, 9]), addresses, &[0x100, 0x80], &[0x20, 0x10]).unwrap();
        let at = |insn_off| found.at_insn(insn_off).map(|line| line.insn_off);
        assert_eq!([0, 2, 3, 8, 9, 100].map(at), [0, 0, 3, 7, 9, 9].map(Some));
        let at = |func_idx, address| found.at_address_in(func_idx, address).map(|line| line.insn_off);
        assert_eq!([at(0, 0x100), at(0, 0x107), at(0, 0x108), at(0, 0x11f)], [0, 0, 3, 3].map(Some));
        assert_eq!([at(1, 0x80), at(1, 0x8f), at(1, 0x79), at(2, 0x80)], [Some(7), Some(9), None, None]);
        let at = |address| found.at_address(address).map(|line| line.insn_off);
        assert_eq!([at(0x8b), at(0x110), at(0x90), at(0x120)], [Some(7), Some(3), None, None]);
    }

    #[test]
    fn a_program_without_machine_code_has_lines() {
        let found = ProgLines::new(lines(&[2, 3]), Vec::new(), &[], &[]).unwrap();
        assert_eq!(found.lines().len(), 2);
        assert_eq!((found.at_insn(1).is_none(), found.at_insn(2).is_some()), (true, true));
        assert!(found.at_address(0).is_none() && ProgLines::default().at_insn(0).is_none());
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        assert!(ProgLines::new(lines(&[3, 2]), Vec::new(), &[], &[]).is_err());
        assert!(ProgLines::new(lines(&[0, 1]), vec![0x100], &[0x100], &[8]).is_err());
        assert!(ProgLines::new(lines(&[0, 1]), vec![0x100, 0x108], &[0x100], &[8]).is_err());
        assert!(ProgLines::new(lines(&[0, 1]), vec![0x104, 0x100], &[0x100], &[8]).is_err());
        // An address range past the end of memory.
        assert!(ProgLines::new(lines(&[0]), vec![u64::MAX - 1], &[u64::MAX - 1], &[8]).is_ok());
    }
}
