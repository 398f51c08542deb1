//! Prints where the members of a struct lie: what a program needs that depends on `purebpf-btf` and on nothing else of purebpf.
//!
//!     struct_layout FILE STRUCT

use std::error::Error;

use purebpf_btf::dump::c::{DeclOptions, Dumper};
use purebpf_btf::{Btf, Kind};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(file), Some(name)) = (args.next(), args.next()) else { return Err("usage: struct_layout FILE STRUCT".into()) };
    let btf = Btf::parse(std::fs::read(file)?)?;
    let id = btf.find(&name, Kind::Struct).ok_or_else(|| format!("no struct {name}"))?;
    let mut dumper = Dumper::new(&btf);
    let mut end = 0;
    println!("struct {name} {{");
    for member in btf.type_by_id(id)?.members().into_iter().flatten() {
        let (from, size) = (member.bit_offset / 8, btf.size_of(member.type_id)?);
        if from > end {
            println!("        /* {} bytes of nothing */", from - end);
        }
        let mut text = String::new();
        let options = DeclOptions { field_name: member.name().unwrap_or(""), ..DeclOptions::default() };
        dumper.emit_type_decl(member.type_id, &options, &mut text)?;
        println!("        {text:<30} /* {from:5} {size:5} */");
        end = from + size;
    }
    println!("}}; /* {} */", btf.size_of(id)?);
    Ok(())
}
