//! Membership in a simulated network: virtual time, seeds, loss, delay, duplicates, partitions.

mod convergence;
mod cost;
mod faults;
mod hostile;
mod network;
mod sharing;
