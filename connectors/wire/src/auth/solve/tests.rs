//! The limit of a search: a number of recipes, because a clock would find other recipes on another machine.

use super::*;

#[test]
fn a_search_ends_after_its_number_of_recipes_and_says_where() {
    let query = (0..30).map(|number| (format!("p{number}"), format!("v{number}")));
    let sample = Sample {
        request: Request { query: query.collect(), ..Request::default() },
        signature: "0123456789abcdef0123456789abcdef".to_owned(),
        secret: Secret::new("5f2b91c07d3e4a68b7c6"),
        variable: "VENDOR_SECRET".to_owned(),
        keys: Vec::new(),
        timestamp: None,
        nonce: None,
        text: None,
    };
    for max_recipes in [1, 2_000, 60_000] {
        let solution = solve_within(&sample, max_recipes).unwrap();
        assert_eq!(solution.groups.iter().map(|group| group.tried).sum::<u64>(), max_recipes);
        let (last, before) = solution.groups.split_last().unwrap();
        assert!(!last.is_complete && before.iter().all(|group| group.is_complete));
        assert!(solution.recipes.is_empty());
    }
}
