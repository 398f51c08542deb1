//! `bench btf`: work on the BTF of a kernel.

use super::{
    Bench,
    measure::{Arguments, Work},
};
use crate::{
    error::{Context, Result},
    workspace::{create_dir, read, target_dir, write},
};
use purebpf_btf::{Btf, builder::Builder};
use std::path::Path;

/// The pieces of work, by their names in peers/ and in words.
const WORKS: [(&str, &str); 5] = [
    ("parse", "parse and validate"),
    ("walk", "walk every type, member and name"),
    ("names", "1,000 names, the first look-up included"),
    ("dump", "write all types as C"),
    ("dedup", "deduplicate twice as much"),
];

/// Work on a BTF, on the same twice over in one, and on a thousand of its names.
pub(super) fn bench(file: &Path) -> Result<Bench> {
    const NAMES: usize = 1000;
    let bytes = read(file)?;
    let btf = Btf::parse(bytes.clone()).context(file.display())?;
    let named: Vec<_> = btf.own_types().filter(|item| item.name().is_some()).collect();
    let step = (named.len() / NAMES).max(1);
    let names: String = named
        .iter()
        .step_by(step)
        .take(NAMES)
        .map(|item| format!("{} {}\n", item.kind() as u32, item.name().unwrap_or_default()))
        .collect();
    let mut doubled = Builder::new();
    doubled.set_endian(btf.endian());
    for _ in 0..2 {
        doubled.append(&btf).context(file.display())?;
    }
    let dir = target_dir().join("bench");
    create_dir(&dir)?;
    let [btf_file, names_file, doubled_file] = ["btf", "names", "doubled"].map(|name| dir.join(name));
    write(&btf_file, &bytes)?;
    write(&names_file, names.as_bytes())?;
    write(&doubled_file, &doubled.finish())?;
    let about = format!("{} types, {:.1} MB", btf.own_types().len(), bytes.len() as f64 / 1e6);
    println!("{}: {about}", file.display());
    let work = |(name, about): (&'static str, &'static str)| {
        let btf = if name == "dedup" { &doubled_file } else { &btf_file };
        let arguments = Arguments::default().with("--btf", btf).with("--names", &names_file);
        Work { name, label: name.to_owned(), about: about.to_owned(), arguments }
    };
    Ok(Bench {
        name: "btf",
        libraries: &["purebpf", "libbpf", "btf-rs", "aya-obj"],
        works: WORKS.map(work).into(),
        about: format!("vmlinux BTF of {about}"),
    })
}
