//! Who holds the bytes of a BTF.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// The bytes behind a [`Btf`](crate::Btf): kept for as long as any clone of it lives.
#[derive(Clone)]
pub enum Owner {
    /// Bytes that live as long as the program, such as `include_bytes!`.
    Static(&'static [u8]),
    /// Bytes of its own, or shared with others: a `Vec`, a file mapping, another crate's buffer.
    Shared(Arc<dyn AsRef<[u8]> + Send + Sync>),
}

impl Owner {
    /// Takes a share in bytes that somebody else may hold too.
    pub fn shared<T: AsRef<[u8]> + Send + Sync + 'static>(owner: Arc<T>) -> Owner {
        Owner::Shared(owner)
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Owner::Static(bytes) => bytes,
            Owner::Shared(owner) => (**owner).as_ref(),
        }
    }
}

impl From<Vec<u8>> for Owner {
    fn from(bytes: Vec<u8>) -> Owner {
        Owner::Shared(Arc::new(bytes))
    }
}

impl From<&'static [u8]> for Owner {
    fn from(bytes: &'static [u8]) -> Owner {
        Owner::Static(bytes)
    }
}

impl<const N: usize> From<&'static [u8; N]> for Owner {
    fn from(bytes: &'static [u8; N]) -> Owner {
        Owner::Static(bytes)
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owner({} bytes)", self.bytes().len())
    }
}
