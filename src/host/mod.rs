//! Adapters for language runtimes: what each needs so that its code can run on green threads.

pub(crate) mod python;
