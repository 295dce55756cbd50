//! The balancer on simulated fleets, in virtual time and with fixed seeds.
#![expect(clippy::print_stdout, reason = "a simulation that says what it measured")]

mod simulation {
    mod arrivals;
    mod fleet;
    mod instances;
    mod machine;
    mod rules;
}
