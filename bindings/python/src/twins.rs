//! One list of methods, two classes.

/// Writes a class twice: one whose methods block, and one whose methods return awaitables.
///
/// Both hold `$core`, whose method of the same name makes the future. A result that is a class of its own is written
/// `-> Guard | AsyncGuard`, and is made from what the future gives. `sync`, `async` and `both` take further items of
/// the one, the other, or each of them.
///
/// What follows the core is how the asynchronous half runs: `drive` unless it says `spawn`.
macro_rules! twins {
    ($module:literal, $core:ty; $($rest:tt)*) => {
        twins! { @ drive, $module, $core; $($rest)* }
    };
    ($module:literal, $core:ty, $run:ident; $($rest:tt)*) => {
        twins! { @ $run, $module, $core; $($rest)* }
    };
    (
        @ $run:ident, $module:literal, $core:ty;
        $(#[$sync_meta:meta])* sync $sync:ident { $($sync_items:tt)* }
        $(#[$async_meta:meta])* async $async:ident { $($async_items:tt)* }
        both { $($both_items:tt)* }
        $($(#[$meta:meta])* ($($signature:tt)*) fn $name:ident($($arg:ident: $type:ty),* $(,)?)
            -> $out:ty $(| $async_out:ty)?;)*
    ) => {
        $(#[$sync_meta])*
        #[pyclass(frozen, module = $module)]
        pub(super) struct $sync(pub(super) $core);

        $(#[$async_meta])*
        #[pyclass(frozen, module = $module)]
        pub(super) struct $async(pub(super) $core);

        #[pymethods]
        impl $sync {
            $($sync_items)*
            $($both_items)*
            $($(#[$meta])* #[pyo3(signature = ($($signature)*))]
            fn $name(&self, py: Python<'_>, $($arg: $type),*) -> PyResult<$out> {
                runtime::block_on(py, self.0.$name($($arg),*)).map(Into::into)
            })*
        }

        #[pymethods]
        impl $async {
            $($async_items)*
            $($both_items)*
            $($(#[$meta])* #[pyo3(signature = ($($signature)*))]
            fn $name<'py>(&self, py: Python<'py>, $($arg: $type),*) -> PyResult<Bound<'py, PyAny>> {
                let call = self.0.$name($($arg),*);
                $(let call = async move { call.await.map(<$async_out>::from) };)?
                runtime::$run(py, call)
            })*
        }

        impl From<$core> for $sync {
            fn from(core: $core) -> Self {
                Self(core)
            }
        }

        impl From<$core> for $async {
            fn from(core: $core) -> Self {
                Self(core)
            }
        }
    };
}

pub(crate) use twins;
