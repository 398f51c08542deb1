//! BTF of a whole kernel (Linux 6.18: 5.5 MB, 126,610 types): parsing, look-up by name, the
//! dumps, and deduplication of twice as much.
//!
//! `cargo bench -p purebpf-btf` measures time. Instructions of one run of one piece of work, named
//! as below:
//!
//! ```text
//! export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER='valgrind --tool=callgrind --toggle-collect=*once_measured*'
//! cargo bench -p purebpf-btf --bench vmlinux -- --once parse
//! ```
//!
//! By these commands, in millions: parse 7.4, first look-up 24.5, later look-up 0.0007, 1000 names
//! 25.2, C header unsorted 146 and sorted 317, raw 165, JSON 341, Rust 616, dedup 573.
//!
//! For comparison bpftool 7.8 with libbpf 1.8, which `cargo xtask reference` builds, on the same BTF:
//!
//! ```text
//! zstd -d tests/data/sample/vmlinux-6.18.44.btf.zst -o vmlinux.btf
//! valgrind --tool=callgrind [--toggle-collect=F] target/reference/bpftool btf dump file vmlinux.btf ...
//! ```
//!
//! `btf__parse_split` 28.5 and `btf_dump__dump_type` (`format c unsorted`) 429, as `F`; whole
//! processes without: raw 638, `format c` 797, `format c unsorted` 488. `btf-oracle dedup` of the same
//! types twice: `btf__dedup` 1901.

use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput};
use purebpf_btf::builder::Builder;
use purebpf_btf::dedup::dedup;
use purebpf_btf::dump::c::Header;
use purebpf_btf::dump::rust::Bindings;
use purebpf_btf::{Btf, Kind, Owner, TypeId, dump};

/// The kernel's BTF, and what is asked of it.
struct Work {
    bytes: Arc<Vec<u8>>,
    /// Names of a thousand structs, spread over all.
    names: Vec<(Vec<u8>, TypeId)>,
    btf: Btf,
    /// All of it, twice.
    doubled: Btf,
    text: String,
}

impl Work {
    fn new() -> Work {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample/vmlinux-6.18.44.btf.zst");
        let file = File::open(path).expect("the sample's kernel, in the workspace's test data");
        let mut bytes = Vec::new();
        ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
        let btf = Btf::parse(bytes.clone()).unwrap();
        // The first struct of each name, which is the one that a look-up must find.
        let mut structs = BTreeMap::new();
        for this in btf.types().filter(|this| this.kind() == Kind::Struct && this.name().is_some()) {
            structs.entry(this.name_bytes()).or_insert(this.id());
        }
        let names = structs.iter().step_by(7).take(1000).map(|(name, id)| (name.to_vec(), *id)).collect();
        let mut doubled = Builder::new();
        doubled.append(&btf).unwrap();
        doubled.append(&btf).unwrap();
        let doubled = Btf::parse(doubled.finish()).unwrap();
        Work { bytes: Arc::new(bytes), names, btf, doubled, text: String::new() }
    }

    /// What is measured is right: the numbers are those that libbpf and bpftool 7.8 give.
    fn check(&mut self) {
        assert_eq!(self.btf.type_count(), 126_611);
        assert_eq!(self.btf.size_of(self.lookup(&self.btf)), Ok(3264));
        assert_eq!(self.names.len(), 1000);
        for (name, id) in &self.names {
            assert_eq!(self.btf.find(name, Kind::Struct), Some(*id));
        }
        self.header(true);
        assert_eq!(self.text.len(), 2_849_389);
        self.header(false);
        assert_eq!(self.text.len(), 2_844_990);
        self.raw();
        assert_eq!(self.text.len(), 12_111_633);
        assert_eq!(self.doubled.type_count(), 2 * 126_610 + 1);
        assert_eq!(self.dedup(), 5_524_604);
        self.json();
        assert!(self.text.ends_with("]}\n"));
        self.rust();
        assert!(self.text.contains("pub struct task_struct {"));
    }

    fn parse(&self) -> Btf {
        Btf::parse(Owner::shared(Arc::clone(&self.bytes))).unwrap()
    }

    fn lookup(&self, btf: &Btf) -> TypeId {
        btf.find(black_box("task_struct"), Kind::Struct).unwrap()
    }

    fn thousand(&self, btf: &Btf) -> usize {
        self.names.iter().filter_map(|(name, _)| btf.find(black_box(name), Kind::Struct)).count()
    }

    fn header(&mut self, sorted: bool) {
        self.text.clear();
        Header::new(&self.btf).sorted(sorted).write(&mut self.text).unwrap();
    }

    fn json(&mut self) {
        self.text.clear();
        dump::json(&self.btf, &mut self.text).unwrap();
    }

    fn rust(&mut self) {
        self.text.clear();
        Bindings::new(&self.btf).write(&mut self.text).unwrap();
    }

    /// Gives the length of the result.
    fn dedup(&self) -> usize {
        dedup(&self.doubled, None).unwrap().btf.len()
    }

    fn raw(&mut self) {
        self.text.clear();
        dump::raw(&self.btf, &mut self.text).unwrap();
    }
}

fn benchmarks(criterion: &mut Criterion) {
    let mut work = Work::new();
    work.check();
    let mut group = criterion.benchmark_group("vmlinux 6.18");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(work.bytes.len() as u64));
    group.bench_function("parse", |b| b.iter(|| work.parse()));
    group.bench_function("first look-up", |b| {
        b.iter_batched(|| work.parse(), |btf| work.lookup(&btf), BatchSize::LargeInput);
    });
    group.bench_function("later look-up", |b| b.iter(|| work.lookup(&work.btf)));
    group.bench_function("1000 names, the first look-up among them", |b| {
        b.iter_batched(|| work.parse(), |btf| work.thousand(&btf), BatchSize::LargeInput);
    });
    group.bench_function("C header, unsorted", |b| b.iter(|| work.header(false)));
    group.bench_function("C header, sorted", |b| b.iter(|| work.header(true)));
    group.bench_function("raw", |b| b.iter(|| work.raw()));
    group.bench_function("JSON", |b| b.iter(|| work.json()));
    group.bench_function("Rust", |b| b.iter(|| work.rust()));
    group.bench_function("deduplication of it twice", |b| b.iter(|| work.dedup()));
    group.finish();
}

/// One run of one piece of work, for tools that count.
fn once(what: &str) {
    let mut work = Work::new();
    let parsed = work.parse();
    match what {
        "parse" => once_measured(|| _ = work.parse()),
        "first look-up" => once_measured(|| _ = work.lookup(&parsed)),
        "1000 names" => once_measured(|| _ = work.thousand(&parsed)),
        "later look-up" => {
            work.lookup(&parsed);
            once_measured(|| _ = work.lookup(&parsed));
        }
        "C header, unsorted" => once_measured(|| work.header(false)),
        "C header, sorted" => once_measured(|| work.header(true)),
        "raw" => once_measured(|| work.raw()),
        "JSON" => once_measured(|| work.json()),
        "Rust" => once_measured(|| work.rust()),
        "dedup" => once_measured(|| _ = work.dedup()),
        _ => panic!("no work of that name: {what}"),
    }
}

#[inline(never)]
fn once_measured(work: impl FnOnce()) {
    work();
    // Or the call would be a jump, and the work no part of this function.
    black_box(());
}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--once").skip(1);
    if let Some(what) = arguments.next() {
        return once(&what);
    }
    let mut criterion = Criterion::default().configure_from_args();
    benchmarks(&mut criterion);
    criterion.final_summary();
}
