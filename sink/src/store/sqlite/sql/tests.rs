use super::*;

#[test]
fn eight_statements_are_enough_for_any_number_of_rows() {
    for rows in 1..2_000 {
        let (mut left, mut shapes) = (rows, Vec::new());
        while left > 0 {
            shapes.push(chunk_size(left));
            left -= chunk_size(left);
        }
        assert_eq!(shapes.iter().sum::<usize>(), rows);
        assert!(shapes.iter().all(|shape| shape.is_power_of_two() && *shape <= MAX_CHUNK_ROWS));
    }
}
