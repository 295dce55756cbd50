//! The rules of the house that the compiler does not check.
//!
//! Every rule is a function from a tree of files to what breaks it. Each is run twice: on this checkout,
//! where it finds nothing, and on a small tree that breaks it, where it must.

mod architecture {
    mod adapters;
    mod arrows;
    mod decisions;
    mod docs;
    mod grammar;
    mod length;
    mod names;
    mod peers;
    mod source;
    mod tree;
    mod words;
}
