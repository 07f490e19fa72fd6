//! Demands of several channels that are the same demand: somebody who calls and writes. What two
//! demands have in common here is a telephone or an identity number, and every character of the text;
//! anything less is a guess, and for whoever makes one.

/// Behind rows `v (token, demand)`: adds a link to each demand of another channel that has the token
/// and the text. Of everybody's demands the newest twenty are compared: a number that hundreds give is
/// nobody's.
pub(crate) const LINK: &str = "
    INSERT INTO demand_link (a, b, reason, score, by)
    SELECT DISTINCT CASE WHEN d.seq < e.seq THEN d.seq ELSE e.seq END,
           CASE WHEN d.seq < e.seq THEN e.seq ELSE d.seq END,
           'same person, same text', 100, 'rule'
    FROM v JOIN demand_person p ON p.token = v.token AND p.demand <> v.demand
        AND p.demand >= coalesce((
            SELECT q.demand FROM demand_person q WHERE q.token = v.token
            ORDER BY q.demand DESC LIMIT 1 OFFSET 19), 0)
    JOIN demand d ON d.seq = v.demand
    JOIN demand e ON e.seq = p.demand
    WHERE e.channel <> d.channel AND e.content = d.content
    ON CONFLICT (a, b, reason) DO NOTHING";
