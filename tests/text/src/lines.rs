//! Makes up lines that the repair of texts must never change: English, Japanese and traditional Chinese with
//! names, numbers, web addresses and emoji; and demands in simplified Chinese. The same number of lines always
//! gives the same lines.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// The language of a line.
#[derive(Debug, Clone, Copy)]
pub enum Language {
    English,
    Japanese,
    Traditional,
    Simplified,
}

/// Makes `n` lines in a language.
pub fn lines(language: Language, n: usize) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(n as u64);
    let parts = match language {
        Language::English => &ENGLISH,
        Language::Japanese => &JAPANESE,
        Language::Traditional => &TRADITIONAL,
        Language::Simplified => &SIMPLIFIED,
    };
    (0..n).map(|_| line(parts, &mut random)).collect()
}

/// The parts of a line. The three `{}` in a sentence stand for a place, a name and a thing, in this order.
struct LineParts {
    sentences: &'static [&'static str],
    places: &'static [&'static str],
    names: &'static [&'static str],
    things: &'static [&'static str],
}

/// What a line may end with.
const ENDS: [&str; 12] = [
    "",
    "",
    "",
    " 😀",
    " 🚦🛠️",
    " https://example.org/a?id=42&q=%E5%8C%BA",
    " http://city.example/路灯",
    " user@example.org",
    " (0553) 380-0000",
    " ①②③",
    " €12.50",
    " №7 — 20°C",
];

fn line(parts: &LineParts, random: &mut StdRng) -> String {
    let mut line = one_of(parts.sentences, random).to_owned();
    for kind in [parts.places, parts.names, parts.things] {
        line = line.replacen("{}", one_of(kind, random), 1);
    }
    line = line.replacen("{n}", &random.random_range(0..2000).to_string(), 1);
    line + one_of(&ENDS, random)
}

fn one_of(words: &[&'static str], random: &mut StdRng) -> &'static str {
    words[random.random_range(0..words.len())]
}

const ENGLISH: LineParts = LineParts {
    sentences: &[
        "The street light in front of {} is broken since day {n}, says {}: please fix the {}.",
        "Dear Sir or Madam, at {} Mr {} found {n} “{}” — that’s naïve, isn’t it?",
        "{} · {} · {} · ticket #{n}",
        "RE: [{}] {} asked for the {} again… (v{n})",
    ],
    places: &[
        "King's Cross",
        "São Paulo",
        "Zürich Hauptbahnhof",
        "the Café de la Gare",
        "Malmö",
        "Reykjavík",
    ],
    names: &[
        "José Müller",
        "Anaïs Lefèvre",
        "Zoë O’Brien",
        "Søren Åkesson",
        "Łukasz Żółć",
        "Dvořák",
        "Nguyễn Văn Ánh",
    ],
    things: &[
        "lift",
        "façade",
        "playground",
        "drain",
        "crème brûlée",
        "piñata",
        "smörgåsbord",
        "doppelgänger",
    ],
};

const JAPANESE: LineParts = LineParts {
    sentences: &[
        "{}の前の街灯が壊れています。{}さんが{n}回電話しましたが、{}はまだ直っていません。",
        "お世話になっております。{}の{}です。{}について質問があります。",
        "【要望】{}：{}（{n}件）「{}」",
        "{}ではカラオケの騒音がひどく、{}さんは{}を求めています！",
    ],
    places: &[
        "東京都渋谷区",
        "大阪市北区梅田",
        "駅前広場",
        "ショッピングモール",
        "さくら公園",
        "鹿児島県霧島市",
    ],
    names: &["髙橋", "山田太郎", "佐々木", "渡邊", "コナン・ドイル", "草彅", "ｽｽﾞｷ"],
    things: &["エレベーター", "道路工事", "ゴミ収集", "騒音対策", "水道料金", "自転車置き場"],
};

const TRADITIONAL: LineParts = LineParts {
    sentences: &[
        "{}的路燈壞了{n}天，{}先生多次反映，{}至今無人處理，請儘快答覆。",
        "您好！我是{}居民{}，請問{}何時可以辦理？",
        "反映{}噪音擾民問題：{}女士表示「{}」已停用{n}日。",
        "{}／{}／{}（第{n}號）",
    ],
    places: &["臺北市信義區", "蕪湖市鏡湖區", "香港九龍旺角", "高雄捷運站", "幸福社區", "鳳凰花園"],
    names: &["陳䶮", "歐陽娜娜", "張喆", "𠮷田", "黃㛃", "林𬭎", "羅漢文"],
    things: &["電梯", "停車費", "垃圾清運", "自來水", "學區劃分", "無障礙坡道"],
};

const SIMPLIFIED: LineParts = LineParts {
    sentences: &[
        "{}的路灯坏了{n}天，{}先生多次反映，{}至今无人处理，请尽快答复。",
        "您好！我是{}居民{}，请问{}何时可以办理？",
        "反映{}噪音扰民问题：{}女士表示“{}”已停用。",
        "咨询{}{}的{}问题",
    ],
    places: &[
        "芜湖市镜湖区",
        "幸福小区3栋",
        "北京路与人民路口",
        "凤凰花园二期",
        "弋江区中心小学",
        "开发区企业服务中心",
    ],
    names: &["陈䶮", "欧阳", "张喆", "王", "黄㛃", "李建国"],
    things: &["电梯", "停车收费", "垃圾清运", "自来水", "学区划分", "无障碍坡道"],
};
