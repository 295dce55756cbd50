//! How the linker writes the program down: so that as little of it as possible is read, and stays in memory.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |part: &str| env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if target("OS") != "linux" || target("ENV") != "gnu" {
        return;
    }
    // What is called only when something goes wrong stands apart, not between what each prompt needs.
    println!("cargo::rustc-link-arg-bins=-Wl,-z,keep-text-section-prefix");
    // The loader writes the address of the program to 50,000 places of it. As a table they are 1.2 MB, as bits 20 KB.
    if is_native() && libc_reads_bits() {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the program is for the machine that builds it, whose C library can be asked.
fn is_native() -> bool {
    env::var("HOST").ok() == env::var("TARGET").ok()
}

/// Whether the C library is glibc 2.36 or newer; an older one refuses a program that has its places as bits.
fn libc_reads_bits() -> bool {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
    let version = said.trim().strip_prefix("glibc ").and_then(|version| version.split_once('.'));
    let number = |part: &str| part.parse::<u32>().ok();
    version.is_some_and(|(major, minor)| number(major).zip(number(minor)) >= Some((2, 36)))
}
