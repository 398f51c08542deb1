//! The kernel's lists of functions, damaged: whatever is read, lines come out or are passed over.

use purebpf_attach::symbols::kernel::{parse_kallsyms, parse_traceable};
use std::{io::Read, ops::ControlFlow};

/// Numbers that look random and are the same in each run (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

/// Gives its bytes in pieces of one to nine.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.1 = self.1 % 9 + 1;
        (&mut self.0).take(self.1 as u64).read(out)
    }
}

#[test]
fn damaged_lists_are_read_to_their_end() {
    let kallsyms = b"ffffffff81000000 T _stext\nffffffffc0a01000 t xfs_open\t[xfs]\n0000000000000000 w weak\n";
    let traceable = b"vfs_read\nxfs_open [xfs]\n__ftrace_invalid_address___8\n";
    let mut random = Random(0x5eed);
    let (mut symbols, mut functions) = (0, 0);
    for _ in 0..20_000 {
        let mut damage = |text: &[u8]| {
            let mut text = text.to_vec();
            for _ in 0..=random.below(4) {
                let at = random.below(text.len());
                text[at] = [b' ', b'\t', b'\n', b'[', b']', 0, 0xff, random.below(256) as u8][random.below(8)];
            }
            text.truncate(random.below(text.len()) + 1);
            text
        };
        let (kallsyms, traceable) = (damage(kallsyms), damage(traceable));
        let mut whole = Vec::new();
        parse_kallsyms(&kallsyms[..], |symbol| {
            assert!(!symbol.name.is_empty() && !symbol.name.contains(&b'\n'));
            whole.push((symbol.address, symbol.kind, symbol.name.to_vec(), symbol.module.map(<[u8]>::to_vec)));
            ControlFlow::Continue(())
        })
        .unwrap();
        symbols += whole.len();
        let mut piecemeal = whole.clone().into_iter();
        parse_kallsyms(Pieces(&kallsyms, 0), |symbol| {
            let (address, kind, name, module) = piecemeal.next().unwrap();
            assert_eq!((symbol.address, symbol.kind), (address, kind));
            assert_eq!((symbol.name, symbol.module), (&name[..], module.as_deref()));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(piecemeal.next(), None);
        parse_traceable(&traceable[..], |name, module| {
            functions += 1;
            assert!(!name.is_empty() && !name.contains(&b' ') && module.is_none_or(|module| !module.contains(&b']')));
            ControlFlow::Continue(())
        })
        .unwrap();
    }
    assert!(symbols > 10_000 && functions > 10_000, "{symbols} symbols, {functions} functions");
}
