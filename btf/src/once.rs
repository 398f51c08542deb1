//! A value made once, by whoever needs it first: `OnceLock` where there is `std`, else a pointer
//! that the first maker swings into place.

#[cfg(feature = "std")]
pub(crate) use std::sync::OnceLock as Once;

#[cfg(not(feature = "std"))]
pub(crate) use racy::Once;

#[cfg(not(feature = "std"))]
#[allow(unsafe_code)]
mod racy {
    use alloc::boxed::Box;
    use core::marker::PhantomData;
    use core::ptr;
    use core::sync::atomic::{AtomicPtr, Ordering};

    /// Several threads may make the value at the same time; one result is kept, the others are
    /// dropped.
    pub(crate) struct Once<T> {
        value: AtomicPtr<T>,
        owns: PhantomData<Option<Box<T>>>,
    }

    // SAFETY: with a shared `Once<T>` a thread can make a T that another drops (so T: Send), and
    // both can hold `&T` (so T: Sync).
    unsafe impl<T: Send + Sync> Sync for Once<T> {}

    impl<T> Once<T> {
        pub(crate) const fn new() -> Self {
            Once { value: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            let found = self.value.load(Ordering::Acquire);
            // SAFETY: as in `get_or_init`; a null pointer gives `None`.
            unsafe { found.as_ref() }
        }

        pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
            let mut found = self.value.load(Ordering::Acquire);
            if found.is_null() {
                let made = Box::into_raw(Box::new(make()));
                found = match self.value.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => made,
                    Err(first) => {
                        // SAFETY: `made` came from Box::into_raw above and nobody else saw it.
                        drop(unsafe { Box::from_raw(made) });
                        first
                    }
                };
            }
            // SAFETY: `found` is non-null, was published with release order by the thread that
            // made it from a Box, and is freed only by `drop`, which has `&mut self`.
            unsafe { &*found }
        }
    }

    impl<T> Drop for Once<T> {
        fn drop(&mut self) {
            let value = *self.value.get_mut();
            if !value.is_null() {
                // SAFETY: the pointer came from Box::into_raw and `&mut self` is the last user.
                drop(unsafe { Box::from_raw(value) });
            }
        }
    }
}
