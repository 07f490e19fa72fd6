use std::net::Ipv4Addr;

use super::*;

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

fn is_lost(seat: &Seat) -> bool {
    seat.leave.is_cancelled()
}

#[test]
fn a_new_connection_takes_the_seat_that_its_crowded_address_left_idle_for_longest() {
    let seats = Seats::new(false);
    let other = seats.take(address(2)).unwrap();
    let crowd: Vec<_> = (1..MAX_CONNECTIONS).map(|_| seats.take(address(1)).unwrap()).collect();
    let busy = crowd[0].begin(false).unwrap();
    drop(crowd[1].begin(false).unwrap());
    let new = seats.take(address(1)).unwrap();
    let late = seats.take(address(3)).unwrap();
    let lost: Vec<_> = crowd.iter().map(is_lost).collect();
    assert_eq!(&lost[..5], [false, false, true, true, false], "busy, idle since now, the rest");
    assert!(![&other, &new, &late].into_iter().any(is_lost));
    assert!(crowd[2].begin(false).is_none(), "a connection without a seat is answered no more");
    drop((busy, crowd, late));
    let taken = seats.lock();
    assert_eq!((taken.seats.len(), taken.addresses.len()), (2, 2));
}

#[test]
fn no_address_has_all_requests_and_health_is_always_answered() {
    for (proxy, of_address) in [(false, MAX_OF_ADDRESS), (true, MAX_REQUESTS)] {
        let seats = Seats::new(proxy);
        let crowd: Vec<_> = (0..MAX_REQUESTS).map(|_| seats.take(address(1)).unwrap()).collect();
        let busy: Vec<_> = crowd.iter().filter_map(|seat| seat.begin(false)).collect();
        assert_eq!(busy.len(), of_address);
        let other = seats.take(address(2)).unwrap();
        assert_eq!(other.begin(false).is_some(), !proxy, "another address");
        assert!(other.begin(true).is_some(), "health");
    }
}

#[test]
fn if_all_are_busy_a_new_connection_gets_no_seat() {
    let seats = Seats::new(true);
    let crowd: Vec<_> = (0..MAX_CONNECTIONS).map(|_| seats.take(address(1)).unwrap()).collect();
    let busy: Vec<_> = crowd.iter().filter_map(|seat| seat.begin(true)).collect();
    assert_eq!(busy.len(), MAX_CONNECTIONS);
    assert!(seats.take(address(2)).is_none());
    drop(busy);
    assert!(seats.take(address(2)).is_some());
}
