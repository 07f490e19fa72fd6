//! What is shown of a page that is read offline.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use gateway::{
    assemble,
    offline::{DryRun, Outcome},
};

fn explained(reveal: bool) -> Vec<Outcome> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    let settings = assemble::settings_without_secrets(&config).unwrap();
    let hotline = DryRun::of(&settings, &"hotline".parse().unwrap()).unwrap();
    let page = hotline.channel.spec.folder.join("fixtures/rows.json");
    hotline.page(&page, reveal).unwrap()
}

#[test]
fn persons_are_masked_unless_they_are_asked_for() {
    let shown = |reveal: bool| {
        let outcomes = explained(reveal);
        outcomes
            .iter()
            .flat_map(|each| &each.trace)
            .map(|traced| format!("{traced:?}\n"))
            .collect::<String>()
    };
    let (masked, revealed) = (shown(false), shown(true));
    for value in ["张䶮", "13800001234", "0553-3800000", "交口12号", "坐席 0821"] {
        assert!(!masked.contains(value), "{value} is shown:\n{masked}");
        assert!(revealed.contains(value), "{value} is not shown:\n{revealed}");
    }
    for value in ["反映夜间施工噪音扰民", "张**", "138****1234", "340202000000"] {
        assert!(masked.contains(value), "{value} is not shown:\n{masked}");
    }
}

#[test]
fn every_field_says_what_it_became_and_how_its_bytes_were_read() {
    let outcomes = explained(false);
    let of =
        |column: &str| outcomes[0].trace.iter().find(|traced| traced.column == column).unwrap();
    assert_eq!(of("RQSTPERSON").fields, ["people.name"]);
    assert_eq!(of("AREACODE").fields, ["region"]);
    assert_eq!(of("REGISTERNAME").fields, Vec::<&str>::new());
    let content = of("RQSTCONTENT");
    assert!(content.raw.contains("&nbsp;") && !content.decoded.contains("&nbsp;"), "{content:?}");
    let decoding = outcomes[0].decoding.as_deref().unwrap();
    assert!(decoding.starts_with("GB18030, which the channel declares"), "{decoding}");
}
