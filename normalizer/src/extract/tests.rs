use super::*;

fn check(pattern: Extract, cases: &[(&str, &[&str])]) {
    for (text, expected) in cases {
        assert_eq!(extract(pattern, text), *expected, "{text}");
    }
}

#[test]
fn the_intake_channel_is_the_label_behind_its_word() {
    check(
        Extract::IntakeChannel,
        &[
            ("【来源：微信】市民反映", &["微信"]),
            ("受理渠道: 皖事通APP, 市民来电", &["皖事通APP"]),
            ("诉求来源为网站。", &["网站"]),
            ("来源不明的车辆", &[]),
            ("受理渠道：", &[]),
            ("", &[]),
        ],
    );
}

#[test]
fn a_limit_is_an_explicit_date_and_never_working_days() {
    check(
        Extract::TimeLimit,
        &[
            ("请于2026年10月16日17时00分前办结", &["2026年10月16日17时00分"]),
            ("办理时限：2026-10-16 17:00, 请回复", &["2026-10-16 17:00"]),
            ("办理时限：7个工作日", &[]),
            ("请于10月16日前办结", &[]),
            ("请于近期办结", &[]),
        ],
    );
}

#[test]
fn cited_orders_are_found_and_other_numbers_are_not() {
    check(
        Extract::OrderNumbers,
        &[
            (
                "前单DH202610090137未解决, 又见 DH202610090137、WZ20261008001",
                &["DH202610090137", "WZ20261008001"],
            ),
            ("信访件WHXF20260001937", &["WHXF20260001937"]),
            ("原工单编号：202610090137", &["202610090137"]),
            ("电话13800001234, 皖B12345, 20261009, 91340200MA8N0W1H51", &[]),
            ("于202610090137时", &[]),
        ],
    );
}
