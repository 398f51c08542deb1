//! A kernel whose verifier refuses every program, and says why in words that are damaged too.

use crate::stress::random::Random;
use purebpf::{
    elf_loader::load::{DryHandle, DryKernel, Layer, Log, ProgSpec},
    sys::{Error, error::Errno, uapi::Cmd},
};

#[derive(Debug)]
pub(super) struct Refusing {
    pub(super) dry: DryKernel,
    pub(super) seed: u64,
}

/// Lines as the verifier writes them (kernel/bpf/verifier.c, log.c), `N` in the place of numbers.
const LINES: &[&str] = &[
    "func#N @N\n",
    "Live regs before insn:\n",
    "N: R1=ctx() R10=fp0\n",
    "; int v = *p; @ a.bpf.c:N\n",
    "; int v = *p;\n",
    "N: (61) r1 = *(u32 *)(r1 +N)         ; R1=scalar(smin=N,umax=N,var_off=(0x0; 0xN))\n",
    "N: (85) call bpf_map_lookup_elem#N   ; R0_w=map_value_or_null(id=N,map=m,ks=N,vs=N)\n",
    "N: (85) call pc+N\n",
    "N: (85) call unknown#195896080\n",
    "N: (18) r1 = 0xN\n",
    "N: (05) goto pc-N\n",
    "N: (bf) r2 = r1\n",
    "from N to N: R0=scalar() R1=ctx() R10=fp0 fp-N=mmmmmmmm\n",
    "from N to N: safe\n",
    "caller:\n R6=scalar(id=N) R10=fp0\ncallee:\n frameN: R1=ctx() R10=fp0\n",
    "returning from callee:\n frameN: R0=N\nto caller at N:\n R0=N R10=fp0\n",
    "last_idx N first_idx N\nregs=N stack=0 before N: (bf) r2 = r1\n",
    "Validating f() func#N...\n",
    "invalid mem access 'map_value_or_null'\n",
    "R1 invalid mem access 'scalar'\n",
    "R1 min value is negative, either use unsigned index or do a if (index >=0) check.\n",
    "invalid func unknown#195896080\n",
    "kernel function btf_id N is not a valid\n",
    "unreachable insn N\n",
    "back-edge from insn N to N\n",
    "jump out of range from insn N to N\n",
    "combined stack size of N calls is N. Too large\n",
    "BPF program is too large. Processed N insn\n",
    "processed N insns (limit 1000000) max_states_per_insn N total_states N peak_states N mark_read N\n",
    "verification time N usec\nstack depth N+N\n",
];

impl Refusing {
    fn log(&self, insns: usize) -> String {
        let mut random = Random::new(self.seed);
        let mut log = String::new();
        for _ in 0..random.below(40) {
            let line = random.pick(LINES);
            // Cut short, once in a while.
            let line = if random.one_in(16) { &line[..random.below(line.len())] } else { line };
            for (n, part) in line.split('N').enumerate() {
                if n > 0 {
                    let number = match random.below(8) {
                        0 => random.next(),
                        1 => u64::from(u32::MAX),
                        2 => insns as u64,
                        _ => random.below(insns) as u64,
                    };
                    log += &number.to_string();
                }
                log += part;
            }
        }
        log
    }
}

impl Layer for Refusing {
    type Below = DryKernel;

    fn below(&self) -> &DryKernel {
        &self.dry
    }

    fn prog_load(&self, program: &ProgSpec<'_, DryHandle>, log: &mut Log) -> Result<DryHandle, Error> {
        let text = self.log(program.insns.len());
        // A kernel ends its log with a zero.
        let room = log.buffer.len().saturating_sub(1);
        log.buffer.iter_mut().take(room).zip(text.bytes()).for_each(|(place, byte)| *place = byte);
        let errno = [libc::EACCES, libc::EINVAL, libc::EPERM, libc::E2BIG][self.seed as usize % 4];
        Err(Error::Bpf { cmd: Cmd::PROG_LOAD, errno: Errno(errno) })
    }

    fn parallelism(&self) -> usize {
        1 + self.seed as usize % 3
    }
}
