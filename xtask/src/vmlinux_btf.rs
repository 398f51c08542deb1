//! `kernel-btf`: the BTF of a matrix kernel, taken from its package without booting it: vmlinuz holds a compressed ELF file,
//! which holds a `.BTF` section. Other machines' images hold the kernel as it lies in memory, and the section somewhere in it.

use crate::{
    debian::{Wanted, ensure_installed},
    error::{Context, Error, Result},
    kernels::{KernelFiles, select},
    process::filter,
    workspace::{read, write},
};
use object::{Object, ObjectSection};
use purebpf_btf::Btf;
use ruzstd::decoding::StreamingDecoder;
use std::{io::Read, path::Path, process::Command};

/// Runs the task: `kernel-btf KERNEL FILE`.
pub(crate) fn run(args: &[String]) -> Result {
    let [name, file] = args else {
        return Err("usage: cargo xtask kernel-btf KERNEL FILE".into());
    };
    let kernel = select(std::slice::from_ref(name))?[0].files(false)?;
    let btf = vmlinux_btf(&kernel)?;
    write(Path::new(file), &btf)?;
    println!("{file}: BTF of {}, {} bytes", kernel.release, btf.len());
    Ok(())
}

/// The `.BTF` section of the kernel's vmlinux.
pub(crate) fn vmlinux_btf(kernel: &KernelFiles) -> Result<Vec<u8>> {
    let vmlinuz = read(&kernel.vmlinuz)?;
    let extracted = if is_bzimage(&vmlinuz) { of_bzimage(&vmlinuz) } else { of_raw_image(&vmlinuz) };
    extracted.context(kernel.vmlinuz.display())
}

fn of_bzimage(image: &[u8]) -> Result<Vec<u8>> {
    let vmlinux = extract_vmlinux(image)?;
    let btf = elf_section(&vmlinux, ".BTF").context("its vmlinux has no .BTF section")?;
    Btf::parse(btf.clone()).context("its .BTF section does not parse")?;
    Ok(btf)
}

/// Of an image that is no ELF file: arm64's is the kernel itself (Documentation/arch/arm64/booting.rst); s390x's is a boot
/// loader, the kernel compressed (by zstd, as Debian has it), and data that belongs to it. Nothing says where in it the section is.
fn of_raw_image(image: &[u8]) -> Result<Vec<u8>> {
    if let Some(btf) = find_btf(image) {
        return Ok(btf.to_vec());
    }
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let starts = image.windows(4).enumerate().filter(|(_, magic)| *magic == ZSTD);
    for (start, _) in starts {
        let mut unpacked = Vec::new();
        // Most of these are the four bytes and nothing more.
        let Ok(mut stream) = StreamingDecoder::new(&image[start..]) else { continue };
        let read = stream.read_to_end(&mut unpacked);
        if let Some(btf) = read.ok().and_then(|_| find_btf(&unpacked)) {
            return Ok(btf.to_vec());
        }
    }
    Err("found no BTF in it, be it as it is or compressed by zstd".into())
}

/// The BTF of a kernel in its memory: what begins with the header and parses as more types than anything else there has.
fn find_btf(memory: &[u8]) -> Option<&[u8]> {
    const HEADER: usize = 24;
    const TYPES: u32 = 10_000;
    let headers =
        memory.chunks_exact(4).enumerate().filter(|(_, word)| matches!(word, [0x9f, 0xeb, 1, 0] | [0xeb, 0x9f, 1, 0]));
    let mut found = headers.filter_map(|(n, magic)| {
        let btf = &memory[n * 4..];
        let field = |at: usize| {
            let bytes: [u8; 4] = btf.get(at..at + 4)?.try_into().ok()?;
            Some(if magic[0] == 0x9f { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) } as usize)
        };
        let end = HEADER.checked_add(field(16)?)?.checked_add(field(20)?)?;
        let btf = btf.get(..end).filter(|_| field(4) == Some(HEADER) && field(8) == Some(0))?;
        Btf::parse(btf.to_vec()).is_ok_and(|parsed| parsed.type_count() > TYPES).then_some(btf)
    });
    found.next()
}

fn is_bzimage(image: &[u8]) -> bool {
    image.get(0x202..0x206) == Some(b"HdrS")
}

/// The ELF file inside a bzImage: Documentation/arch/x86/boot.rst, fields setup_sects, payload_offset and payload_length.
fn extract_vmlinux(image: &[u8]) -> Result<Vec<u8>> {
    let malformed = || Error::new("not an x86 kernel image (bzImage) of boot protocol 2.08 or newer");
    let setup_sects = usize::from(*image.get(0x1f1).ok_or_else(malformed)?);
    let field = |at| u32_at(image, at).map(|value| value as usize).ok_or_else(malformed);
    let start = (setup_sects + 1) * 512 + field(0x248)?;
    // The last 4 bytes are the uncompressed size, put there by the kernel's build (scripts/Makefile.lib, size_append).
    let end = (start + field(0x24c)?).checked_sub(4).ok_or_else(malformed)?;
    let payload = image.get(start..end).ok_or_else(malformed)?;
    match payload {
        [0x02, 0x21, 0x4c, 0x18, blocks @ ..] => {
            lz4_legacy(blocks).ok_or_else(|| Error::new("its LZ4 payload is malformed"))
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            ensure_installed("decompressing a kernel", &[Wanted::program("zstd", "zstd")])?;
            filter(Command::new("zstd").arg("-dc"), payload)
        }
        [0xfd, b'7', b'z', ..] => filter(Command::new("xz").arg("-dc"), payload),
        [0x1f, 0x8b, ..] => filter(Command::new("gzip").arg("-dc"), payload),
        _ => Err("compressed in a way that this task does not know (not LZ4, zstd, xz or gzip)".into()),
    }
}

/// LZ4's legacy frame (after its magic number): blocks of at most 8 MiB, each after its compressed size.
fn lz4_legacy(mut blocks: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while !blocks.is_empty() {
        let size = u32_at(blocks, 0)? as usize;
        let block = blocks.get(4..4 + size)?;
        lz4_block(block, &mut out)?;
        blocks = &blocks[4 + size..];
    }
    Some(out)
}

/// One block: sequences of literals and a match, as lz4_Block_format.md of the LZ4 project describes.
fn lz4_block(mut input: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let block_start = out.len();
    loop {
        let (&token, rest) = input.split_first()?;
        input = rest;
        let literals = lz4_length(token >> 4, &mut input)?;
        out.extend_from_slice(input.get(..literals)?);
        input = &input[literals..];
        // A block ends with literals that no match follows.
        if input.is_empty() {
            return Some(());
        }
        let offset = usize::from(u16::from_le_bytes([*input.first()?, *input.get(1)?]));
        input = &input[2..];
        let length = lz4_length(token & 15, &mut input)? + 4;
        let from = out.len().checked_sub(offset).filter(|from| offset > 0 && *from >= block_start)?;
        // One by one, because a match may reach into what it is itself writing.
        for at in from..from + length {
            out.push(out[at]);
        }
    }
}

/// A length whose low part was in the token: 15 means that more bytes follow, up to one that is not 255.
fn lz4_length(low: u8, input: &mut &[u8]) -> Option<usize> {
    let mut length = usize::from(low);
    if low == 15 {
        loop {
            let (&byte, rest) = input.split_first()?;
            *input = rest;
            length += usize::from(byte);
            if byte != 255 {
                break;
            }
        }
    }
    Some(length)
}

/// A section's bytes in an ELF file.
pub(crate) fn elf_section(elf: &[u8], name: &str) -> Option<Vec<u8>> {
    let file = object::File::parse(elf).ok()?;
    Some(file.section_by_name(name)?.uncompressed_data().ok()?.into_owned())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::lz4_legacy;

    /// A block written by hand from the format's description: literals `abc`, a match of 9 at distance 3, literals `xyzzy`.
    #[test]
    fn lz4_overlapping_match() {
        let block = [0x35, b'a', b'b', b'c', 3, 0, 0x50, b'x', b'y', b'z', b'z', b'y'];
        let mut frame = (block.len() as u32).to_le_bytes().to_vec();
        frame.extend_from_slice(&block);
        assert_eq!(lz4_legacy(&frame).as_deref(), Some(&b"abcabcabcabcxyzzy"[..]));
        assert_eq!(lz4_legacy(&frame[..frame.len() - 8]), None);
    }
}
