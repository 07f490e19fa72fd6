//! Cleaning removes what is not text, and nothing that somebody wrote.

use std::borrow::Cow;

use normalizer_text::{Found, Profile, clean, clean_unescaped, without_radicals};
use proptest::prelude::*;

const PROFILES: [Profile; 3] = [Profile::Plain, Profile::Html, Profile::Code];

fn check(profile: Profile, source: &str, expected: &str) {
    assert_eq!(clean(source, profile).text, expected, "{source:?}");
}

fn is_untouched(profile: Profile, source: &str) -> bool {
    let cleaned = clean(source, profile);
    matches!(cleaned.text, Cow::Borrowed(same) if same == source)
        && cleaned.found == Found::default()
}

#[test]
fn clean_text_is_returned_unchanged() {
    for text in [
        "",
        "好",
        "芜湖市镜湖区北京路1号，电话：0553-3800000。",
        "第一行\n第二行\n\n第四行",
        "Wuhu City, 100% of 3 < 5 > 2 & AT&T; R&D",
        "全角ＡＢＣ１２３，。！？：；（）《》“”‘’——……",
        "㈱ ① ﹙ ℃ № Ⅳ ㎡ 〇 〒",
        "臺灣 體驗 傳統字",
        "䶮 㛃 𬭎 𠮷 買买提·艾力 😀👨‍👩‍👧",
        "ひらがな カタカナ ガギグ Ünïcödé Привет",
        "https://x.example/a?b=1&copy=2&lt=3&section=4#top",
        "user_x1234 _x _x12_ _xGGGG_ a_x000 __",
        "面积<b区，a<b and c>d，<张三>，<abc@example.com>，<-- 见上",
        "क्\u{200D}ष می\u{200C}خواهم 🏳️\u{200D}🌈",
    ] {
        assert!(is_untouched(Profile::Plain, text), "{text:?}");
        assert!(is_untouched(Profile::Html, text), "{text:?}");
    }
    for code in ["", "GD-2026/0001", "340202198001010015", "皖B12345"] {
        assert!(is_untouched(Profile::Code, code), "{code:?}");
    }
}

#[test]
fn control_characters_and_byte_order_marks_are_removed() {
    for (source, expected) in [
        ("a\0b", "ab"),
        ("\u{1}芜\u{8}湖\u{B}市\u{C}\u{1F}\u{7F}", "芜湖市"),
        ("芜\u{80}湖\u{85}市\u{9F}", "芜湖市"),
        ("\u{FEFF}芜湖\u{FEFF}市", "芜湖市"),
        ("\0", ""),
    ] {
        for profile in PROFILES {
            check(profile, source, expected);
        }
    }
    let found = |text| clean(text, Profile::Plain).found;
    assert_eq!(found("a\0"), Found { controls: true, ..Found::default() });
    assert_eq!(found("\u{FEFF}a"), Found { byte_order_mark: true, ..Found::default() });
}

#[test]
fn characters_without_a_form_are_removed() {
    for (source, expected) in [
        ("路\u{200B}灯\u{200D}坏\u{200C}了", "路灯坏了"),
        ("\u{202E}工单\u{202C}\u{2066}号\u{2069}\u{200F}", "工单号"),
        ("co\u{AD}operate\u{2060}", "cooperate"),
        ("\u{200D}👨\u{200D}👩\u{200B}", "👨\u{200D}👩"),
    ] {
        for profile in PROFILES {
            check(profile, source, expected);
            let found = clean(source, profile).found;
            assert_eq!(found, Found { invisible: true, ..Found::default() }, "{source:?}");
        }
    }
}

#[test]
fn radicals_become_the_characters_that_they_look_like() {
    for (source, expected) in [
        ("⽔⽕⽆情", "水火无情"),
        ("⻋站⻔⼝", "车站门口"),
        ("⻳⼭", "龟山"),
        ("\u{F90A}属", "金属"),
    ] {
        for profile in PROFILES {
            check(profile, source, expected);
            assert!(clean(source, profile).found.compatibility, "{source}");
        }
    }
    check(Profile::Plain, "⺀⻌", "⺀⻌");
    assert_eq!(without_radicals("⽔⻋"), "水车");
    assert!(matches!(without_radicals("水车"), Cow::Borrowed(_)));
}

#[test]
fn escapes_of_excel_are_decoded() {
    for (source, expected) in [
        ("第一行_x000D_\n第二行", "第一行\n第二行"),
        ("第一行_x000d_第二行", "第一行\n第二行"),
        ("a_x0009_b", "a b"),
        ("a_x0000__x0001_b", "ab"),
        ("_x4E2D__x56FD_", "中国"),
        // An escaped underscore means that no escape follows.
        ("_x005F_x000D_", "_x005F_x000D_"),
        // These escapes are not characters.
        ("_xD83D__xDE00_", "_xD83D__xDE00_"),
        // Removing characters does not create a new escape.
        ("_x0_x0000_00D_", ""),
        ("_x00\u{0}0D_", ""),
        ("_x0_x0030_0D_", ""),
    ] {
        check(Profile::Plain, source, expected);
        check(Profile::Html, source, expected);
    }
    assert_eq!(
        clean("a_x000D_", Profile::Plain).found,
        Found { escapes: true, blanks: true, ..Found::default() }
    );
}

#[test]
fn what_looks_like_an_escape_after_decoding_is_text() {
    for (source, expected) in [
        ("字面_x000D_", "字面_x000D_"),
        ("a_x0009_ \r\nb", "a_x0009_\nb"),
        ("_x005F_x000D_\u{1}", "_x005F_x000D_"),
    ] {
        for profile in [Profile::Plain, Profile::Html] {
            let cleaned = clean_unescaped(source, profile);
            assert_eq!(cleaned.text, expected);
            assert!(!cleaned.found.escapes);
        }
    }
}

#[test]
fn layout_is_normalised() {
    for (source, expected) in [
        ("  ends \t", "ends"),
        ("\n\nends\n", "ends"),
        ("a\tb", "a b"),
        ("a \u{A0}\u{3000}\tb", "a b"),
        ("a\u{3000}b", "a b"),
        ("a\u{A0}b", "a b"),
        ("　　各位领导：\r\n　　我是镜湖区居民。　\r\n", "各位领导：\n我是镜湖区居民。"),
        ("a\rb", "a\nb"),
        ("a\r\n\r\nb", "a\n\nb"),
        ("a\n\n\n\nb", "a\n\nb"),
        ("a\n \n\t\n　\nb", "a\n\nb"),
        ("a   \nb", "a\nb"),
        (" \u{3000}\n", ""),
    ] {
        check(Profile::Plain, source, expected);
        assert_eq!(
            clean(source, Profile::Plain).found,
            Found { blanks: true, ..Found::default() },
            "{source:?}"
        );
    }
}

#[test]
fn characters_are_composed_and_compatibility_forms_are_kept() {
    for (source, expected) in [
        ("e\u{301}", "é"),
        ("が\u{3099}", "が\u{3099}"),
        ("か\u{3099}", "が"),
        ("\u{212B}", "Å"),
        ("한", "한"),
        ("\u{F900}", "豈"),
        ("\u{2F804}", "你"),
        ("㈱①﹙ＡＢ１２", "㈱①﹙ＡＢ１２"),
    ] {
        check(Profile::Plain, source, expected);
        let compatibility = matches!(source, "\u{F900}" | "\u{2F804}");
        let composition = source != expected;
        let expected = Found { composition, compatibility, ..Found::default() };
        assert_eq!(clean(source, Profile::Plain).found, expected, "{source:?}");
    }
}

#[test]
fn html_becomes_the_text_that_is_shown() {
    for (source, expected) in [
        ("<p>第一段</p><p>第二段</p>", "第一段\n第二段"),
        ("第一行<br>第二行<br/>第三行<BR />第四行", "第一行\n第二行\n第三行\n第四行"),
        ("一<br><br>二", "一\n\n二"),
        ("<div><div>里</div></div>外", "里\n外"),
        ("<ul><li>甲</li><li>乙</li></ul>", "甲\n乙"),
        ("<table><tr><td>甲</td><td>乙</td></tr><tr><td>丙</td></tr></table>", "甲 乙\n丙"),
        ("<h1>题</h1>文", "题\n文"),
        ("<span style=\"font-family:仿宋_GB2312\">您好</span>，<b>谢谢</b>", "您好，谢谢"),
        ("<p title=\"a>b\" class='c'>文</p>", "文"),
        ("<a href=http://x.example/?a=1&b=2>链接</a>", "链接"),
        ("<img src=\"a.png\"/>图", "图"),
        ("<o:p>&nbsp;</o:p>文", "文"),
        ("&nbsp;&nbsp;您好&nbsp谢谢", "您好 谢谢"),
        ("3 &lt; 5 &amp;&amp; 5 &gt; 3 &quot;是&quot;", "3 < 5 && 5 > 3 \"是\""),
        ("&#33436;&#x6E56;&middot;&ldquo;市&rdquo;", "芜湖·“市”"),
        ("&#0;&#1;a&#65279;&#13;", "\u{FFFD}a"),
        ("前<script>if (a<b) { x(); }</script>后", "前后"),
        ("前<STYLE type=\"text/css\">p > a {}</style>后", "前后"),
        ("前<!-- 注 <p> -->后", "前后"),
        ("<!DOCTYPE html><html><body>文</body></html>", "文"),
        ("<?xml:namespace prefix = o ns = \"urn\" />文", "文"),
        // Only one layer is removed.
        ("&amp;nbsp;", "&nbsp;"),
        ("&lt;b&gt;", "<b>"),
        // Markup and other text together.
        ("<p>面积<b区 & AT&T，a<b</p>", "面积<b区 & AT&T，a<b"),
        ("<p>?a=1&copy=2&section=3</p>", "?a=1&copy=2&section=3"),
        // A tag or comment that is not closed is not markup.
        ("前<!-- 后<br>", "前<!-- 后"),
        ("前<script>后", "前后"),
        ("前<p class=\"x后<br>", "前<p class=\"x后"),
        ("前</script>后", "前后"),
        ("<", "<"),
        ("&", "&"),
        ("<p", "<p"),
        ("&#;&#x;&;&foo;", "&#;&#x;&;&foo;"),
    ] {
        check(Profile::Html, source, expected);
        let found = clean(source, Profile::Html).found.markup;
        assert_eq!(found, source != expected, "{source:?}");
    }
}

#[test]
fn markup_is_text_where_the_field_is_not_html() {
    for text in ["<p>段</p>", "&nbsp;", "<!-- 注 -->"] {
        assert!(is_untouched(Profile::Plain, text), "{text:?}");
    }
}

#[test]
fn codes_are_half_width_and_have_no_blanks() {
    for (source, expected) in [
        ("３４０２０２ １９８００１０１ ００１５", "340202198001010015"),
        ("　ＧＤ－２０２６／０００１\n", "GD-2026/0001"),
        ("９１３４０２００ｍａ8n", "91340200ma8n"),
        ("138 0000\u{A0}0000\u{2002}", "13800000000"),
        ("＿ｘ０００Ｄ＿", ""),
        ("_x0 00D_", ""),
        ("①", "①"),
    ] {
        check(Profile::Code, source, expected);
    }
    assert_eq!(
        clean("Ａ １", Profile::Code).found,
        Found { widths: true, blanks: true, ..Found::default() }
    );
}

#[test]
fn deep_and_unclosed_markup_takes_linear_time() {
    for piece in ["<script>", "<!--", "<p a=\"", "<p a='", "&amp;", "</style ", "_x0", "<p \n"] {
        let text = piece.repeat(30_000);
        assert!(clean(&text, Profile::Html).text.len() <= text.len());
    }
}

/// Text made of pieces that cleaning may change.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        " ", "\t", "\n", "\r", "\r\n", "\u{A0}", "\u{3000}", "\0", "\u{85}", "\u{FEFF}", "_", "x",
        "_x", "000D_", "_x000D_", "_x005F_", "_x0078_", "Ａ", "＿", "ｘ", "０", "e", "\u{301}",
        "か", "\u{3099}", "芜", "，", "é", "\u{2000}", "\u{212A}", "\u{37E}", "한", "\u{338}", "<",
        ">", "&", "amp;", "nbsp", ";", "p", "/", "<br>", "=", "\"", "script", "<!--", "-->", "#1",
    ]);
    prop_oneof![prop::collection::vec(pieces, 0..24).prop_map(|all| all.concat()), any::<String>()]
}

proptest! {
    #[test]
    fn cleaning_twice_changes_nothing(source in pieces()) {
        for profile in [Profile::Plain, Profile::Code] {
            let once = clean(&source, profile).text;
            prop_assert!(is_untouched(profile, &once), "{:?} {:?}", profile, once);
        }
        // Each call removes one layer of HTML; when none is left, the text stays the same.
        let mut html = source;
        for _ in 0..24 {
            html = clean(&html, Profile::Html).text.into_owned();
        }
        prop_assert!(is_untouched(Profile::Html, &html), "{:?}", html);
    }

    #[test]
    fn something_is_found_if_and_only_if_something_changes(source in pieces()) {
        for profile in PROFILES {
            let cleaned = clean(&source, profile);
            prop_assert_eq!(cleaned.found != Found::default(), cleaned.text != source.as_str());
            let is_borrowed = matches!(cleaned.text, Cow::Borrowed(_));
            prop_assert_eq!(cleaned.found == Found::default(), is_borrowed);
        }
    }
}
