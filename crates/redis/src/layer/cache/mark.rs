/// Tells who reads an answer that its time is over.
///
/// Every `Fn(Res) -> Res` is one. It is called for stale answers only, and for each of them: an answer is kept without
/// a mark.
pub trait Mark<Res> {
    /// Returns the stale answer with its mark.
    fn mark(&self, stale: Res) -> Res;
}

/// Says that an answer is stale, where answers carry what has a type: in the extensions of an HTTP answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stale;

/// Gives stale answers as they were kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmarked;

impl<Res> Mark<Res> for Unmarked {
    fn mark(&self, stale: Res) -> Res {
        stale
    }
}

impl<Res, F: Fn(Res) -> Res> Mark<Res> for F {
    fn mark(&self, stale: Res) -> Res {
        self(stale)
    }
}
