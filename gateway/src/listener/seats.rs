//! The connections of a listener: their number is limited, and no client can keep the others out.
//!
//! A connection is idle until the head of a request has arrived, and again after the answer. It costs nothing to open
//! many and to send nothing, so an idle one has no right to stay: if all seats are taken, the address that has most of
//! them loses the one that has been idle for longest. Requests are limited to fewer than the seats, and those of one
//! address to fewer still; `/health` is answered all the same.

#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// Maximum number of connections at the same time.
const MAX_CONNECTIONS: usize = 512;
/// Maximum number of requests that are being answered at the same time, except those for `/health`.
const MAX_REQUESTS: usize = 448;
/// Maximum number of these requests that come from one address.
const MAX_OF_ADDRESS: usize = 384;

/// All connections of a listener. Clones share them.
#[derive(Clone)]
pub(super) struct Seats {
    taken: Arc<Mutex<Taken>>,
    max_of_address: usize,
}

#[derive(Default)]
struct Taken {
    /// How often a connection began or became idle: a clock that orders them.
    turns: u64,
    /// By the turn at which the connection began.
    seats: BTreeMap<u64, State>,
    /// By address. A flood opens thousands of connections in a second, so finding the one that loses its seat must
    /// not go through all of them: the queue of new connections would fill up, and no other client would be heard.
    addresses: BTreeMap<IpAddr, OfAddress>,
}

struct State {
    address: IpAddr,
    /// The turn since which it is idle; `None` while a request is being answered.
    idle_since: Option<u64>,
    leave: CancellationToken,
}

/// The connections of one address.
#[derive(Default)]
struct OfAddress {
    n_seats: usize,
    /// The idle ones: the turn since which each is, and the turn at which it began.
    idle: BTreeSet<(u64, u64)>,
}

impl Seats {
    /// Seats for clients of many addresses, or for a `proxy` through which all of them come.
    pub(super) fn new(proxy: bool) -> Self {
        let max_of_address = if proxy { MAX_REQUESTS } else { MAX_OF_ADDRESS };
        Self { taken: Arc::default(), max_of_address }
    }

    /// A seat for a new connection. If there is none, that of an idle connection becomes free; `None` if all are
    /// busy.
    pub(super) fn take(&self, address: IpAddr) -> Option<Seat> {
        let address = address.to_canonical();
        let mut taken = self.lock();
        if taken.seats.len() >= MAX_CONNECTIONS {
            let loser = taken.longest_idle()?;
            if let Some(state) = taken.remove(loser) {
                state.leave.cancel();
            }
        }
        let (number, leave) = (taken.next_turn(), CancellationToken::new());
        taken.seats.insert(number, State { address, idle_since: None, leave: leave.clone() });
        taken.addresses.entry(address).or_default().n_seats += 1;
        taken.set_idle_since(number, Some(number));
        Some(Seat { seats: self.clone(), number, address, leave })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    /// Notes since when a connection is idle; false if it has no seat any more.
    fn set_idle_since(&mut self, number: u64, turn: Option<u64>) -> bool {
        let Some(state) = self.seats.get_mut(&number) else { return false };
        let before = std::mem::replace(&mut state.idle_since, turn);
        let of_address = self.addresses.entry(state.address).or_default();
        if let Some(before) = before {
            of_address.idle.remove(&(before, number));
        }
        of_address.idle.extend(turn.map(|turn| (turn, number)));
        true
    }

    /// Takes the seat from a connection.
    fn remove(&mut self, number: u64) -> Option<State> {
        self.set_idle_since(number, None);
        let state = self.seats.remove(&number)?;
        let of_address = self.addresses.entry(state.address).or_default();
        of_address.n_seats -= 1;
        if of_address.n_seats == 0 {
            self.addresses.remove(&state.address);
        }
        Some(state)
    }

    /// The connection that has been idle for longest, of the address with most connections.
    fn longest_idle(&self) -> Option<u64> {
        let idle = |of: &OfAddress| {
            let (since, number) = of.idle.first()?;
            Some((of.n_seats, Reverse(*since), *number))
        };
        self.addresses.values().filter_map(idle).max().map(|(_, _, number)| number)
    }

    /// Number of requests that are being answered: of all, and of this address.
    fn busy(&self, address: IpAddr) -> (usize, usize) {
        let busy = |of: &OfAddress| of.n_seats - of.idle.len();
        let of_address = self.addresses.get(&address).map_or(0, busy);
        (self.addresses.values().map(busy).sum(), of_address)
    }
}

/// The seat of one connection. It is free again when this is dropped.
pub(super) struct Seat {
    seats: Seats,
    number: u64,
    address: IpAddr,
    leave: CancellationToken,
}

impl Seat {
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// Waits until another connection got the seat.
    pub(super) async fn lost(&self) {
        self.leave.cancelled().await;
    }

    /// Begins to answer a request; `None` if too many are being answered. What is about `health` is always
    /// answered.
    pub(super) fn begin(&self, health: bool) -> Option<Busy> {
        let mut taken = self.seats.lock();
        let (of_all, of_address) = taken.busy(self.address);
        if !health && (of_all >= MAX_REQUESTS || of_address >= self.seats.max_of_address) {
            return None;
        }
        let has_seat = taken.set_idle_since(self.number, None);
        has_seat.then(|| Busy { seats: self.seats.clone(), number: self.number })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().remove(self.number);
    }
}

/// A request that is being answered, until this is dropped.
pub(super) struct Busy {
    seats: Seats,
    number: u64,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        let turn = taken.next_turn();
        taken.set_idle_since(self.number, Some(turn));
    }
}
