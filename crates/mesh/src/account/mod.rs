//! What callers may spend together, however many instances of the mesh they come through.
//!
//! A [`Pot`] is one limit of one key in one [`Window`]: so many requests or tokens in this minute, so much money this
//! month. An instance draws a *lease* from it, a part of what is left, and spends that without asking anybody; the
//! layer [`limit`](crate::layer::limit) does so. Where pots are kept is the port [`Accounts`](crate::Accounts):
//!
//! | | shared by | a partition | a restart |
//! |---|---|---|---|
//! | [`LocalAccounts`](crate::memory::LocalAccounts) | the tasks of one process | | forgets |
//! | [`GossipAccounts`] | the instances of a gossip | each goes on with its share | as what lies behind it |
//! | `maily-accounts-store` | all who reach one store | who does not reach it stops after its lease | remembers |
//!
//! No more than the limit is ever drawn from a pot, in any of them, whatever is lost, late or doubled.
//!
//! # Shares over gossip
//!
//! Each *owner*, an instance that the configuration names, has an equal share of each pot from the beginning of its
//! window. Nothing has to be agreed for that, so nothing can be agreed twice: no instance can make rights but its own.
//! Whoever needs more asks one other by name, and that one gives away up to half of what it has left. Asks and gifts
//! are counters that only grow, each written by one instance, so a packet that is lost or comes twice changes nothing.
//! What was given to an instance that died is lost until the window ends, and so is what a dead owner has left.
//!
//! Source: Balegas, Serra, Duarte, Ferreira, Shapiro, Rodrigues, Preguiça, "Extending Eventually Consistent Cloud
//! Databases for Enforcing Numeric Invariants", SRDS 2015, section IV (the bounded counter). Decisions: `docs/adr/0048`.

mod escrow;
mod gossip;
mod notes;
mod pot;
mod window;

pub use self::gossip::GossipAccounts;
pub use self::pot::{Grant, Pot, Unit};
pub(crate) use self::window::Date;
pub use self::window::{Per, Window};
