//! The one name of a code, as each language spells it.

/// `redis-lock-busy` or `not_found` as `RedisLockBusy`, `NotFound`.
pub(super) fn pascal(name: &str) -> String {
    name.split(['-', '_'])
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect()
}

/// `redis-lock-busy` as `REDIS_LOCK_BUSY`.
pub(super) fn upper(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}
