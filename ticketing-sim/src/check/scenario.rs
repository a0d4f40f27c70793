//! Which part of the engine a run is about.

/// What runs are drawn of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Everything, in a mix of each seed's own
    All,
    /// Tickets by number, without waiting rooms
    Quantity,
    /// Tickets by seat, without waiting rooms
    Seats,
    /// Waiting rooms
    Queue,
    /// Payments that are late, doubled, declined, given back
    Payments,
    /// An organiser who changes, halts, releases, refunds, scans
    Organiser,
    /// Several nodes that die, stand still and disagree about the time
    Nodes,
}

impl Scenario {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Quantity => "quantity",
            Self::Seats => "seats",
            Self::Queue => "queue",
            Self::Payments => "payments",
            Self::Organiser => "organiser",
            Self::Nodes => "nodes",
        }
    }
}
