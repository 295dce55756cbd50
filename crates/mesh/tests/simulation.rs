//! The balancer on simulated fleets, in virtual time and with fixed seeds.

mod simulation {
    mod fleet;
    mod machine;
    mod rules;
}
