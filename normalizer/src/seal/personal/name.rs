//! Parses names of people.

use std::{collections::HashSet, sync::LazyLock};

use normalizer_text::{Profile, clean};

use super::{Personal, doubt_if_partial, without_whitespace};

impl Personal {
    /// The name of a person.
    pub fn name(text: &str) -> Self {
        let has_han = text.chars().any(is_han);
        // 张 三 becomes 张三; Alice Smith keeps its space.
        let plain = if has_han {
            without_whitespace(text)
        } else {
            clean(text, Profile::Plain).text.into_owned()
        };
        let doubt = doubt_if_partial(&plain);
        let is_nobody = is_placeholder(&plain);
        let is_identity = doubt.is_none() && !is_nobody && plain.chars().count() > 1;
        Self {
            kind: "name",
            mask: if is_nobody { plain.clone() } else { mask(&plain) },
            identity: is_identity.then(|| plain.clone()),
            doubt,
            area: None,
            plain,
        }
    }

    /// The names to search for, with their masks: all that the field has, and each name in it without titles. In
    /// `业主欧阳震霆先生、张三` there are also 欧阳震霆 and 张三.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, String)> {
        let whole = self.plain.as_str();
        // A part of a name that is not whole itself may be any word.
        let parts = whole.split(is_between_names).filter(|_| self.doubt.is_none());
        let parts =
            parts.map(without_titles).filter(move |part| *part != whole && may_be_one_name(part));
        let names = [whole].into_iter().chain(parts);
        let is_distinctive = |name: &&str| {
            name.chars().count() > 1 && !is_placeholder(name) && !COMMON_WORDS.contains(name)
        };
        names.filter(is_distinctive).map(|name| (name, mask(name)))
    }
}

/// Whether a character stands before, between or after names. Dots and hyphens stand within them.
fn is_between_names(c: char) -> bool {
    c.is_whitespace()
        || c.is_ascii_digit()
        || c.is_ascii_punctuation() && !matches!(c, '.' | '-' | '_' | '\'')
        || "（）【】［］〔〕〈〉《》「」“”、，；：／｜＋。".contains(c)
}

/// A name without the words for a role before it, such as 业主, and the titles and roles after it.
fn without_titles(mut name: &str) -> &str {
    // The longest word counts: 热心市民 and not 市民.
    let shortest = |rest: &&str| rest.len();
    let roles = || PLACEHOLDERS.iter().filter(|word| word.chars().count() > 1);
    while let Some(rest) = roles().filter_map(|word| name.strip_prefix(word)).min_by_key(shortest) {
        name = rest;
    }
    // A surname with a title stays: a surname alone is nobody's name.
    while !is_placeholder(name)
        && let Some(rest) =
            roles().chain(&TITLES).filter_map(|word| name.strip_suffix(word)).min_by_key(shortest)
    {
        name = rest;
    }
    name
}

/// Whether a part of a field is one name in Chinese, and no organisation.
fn may_be_one_name(part: &str) -> bool {
    const MAX_CHARS: usize = 4;
    const UNITS: [&str; 8] = ["公司", "物业", "社区", "街道", "中心", "单位", "小区", "委会"];
    let is_short = part.chars().count() <= MAX_CHARS || part.contains('·');
    part.chars().any(is_han) && is_short && !UNITS.iter().any(|unit| part.ends_with(unit))
}

/// Masks the given name. The mask does not show its length.
fn mask(name: &str) -> String {
    let surname = COMPOUND_SURNAMES
        .iter()
        .find(|surname| name.strip_prefix(**surname).is_some_and(|given| !given.is_empty()));
    match surname {
        Some(surname) => format!("{surname}**"),
        None => name.chars().take(1).chain(['*', '*']).collect(),
    }
}

/// Whether a name names nobody: a word like 市民, only signs, or only a title, with or without surname.
fn is_placeholder(name: &str) -> bool {
    let bare = name.trim_matches(|c: char| !c.is_alphanumeric());
    bare.is_empty()
        || PLACEHOLDERS.contains(bare)
        || TITLES.iter().any(|title| {
            bare.strip_suffix(title).is_some_and(|surname| {
                surname.chars().count() <= 1 || COMPOUND_SURNAMES.contains(&surname)
            })
        })
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

const COMPOUND_SURNAMES: [&str; 32] = [
    "欧阳", "司马", "诸葛", "上官", "夏侯", "东方", "皇甫", "尉迟", "公孙", "慕容", "司徒", "令狐",
    "宇文", "长孙", "轩辕", "南宫", "端木", "百里", "东郭", "西门", "呼延", "独孤", "公冶", "申屠",
    "太史", "澹台", "濮阳", "淳于", "单于", "万俟", "钟离", "闻人",
];

/// Titles, which follow a surname or stand alone.
const TITLES: [&str; 9] = ["先生", "女士", "小姐", "师傅", "同志", "某某", "某", "老师", "经理"];

static PLACEHOLDERS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let words = "匿名 匿名用户 匿名市民 匿名群众 市民 热心市民 群众 网友 热心网友 居民 \
                 村民 业主 住户 来电人 诉求人 投诉人 举报人 用户 游客 市民来电 不愿透露 \
                 未知 保密 无 无名氏 不详 未提供 联系人 \
                 本人 家属 代理人 委托人 当事人 户主 租户 商户";
    words.split(' ').collect()
});

/// Words that are also names of people, but usually mean something else.
const COMMON_WORDS: [&str; 72] = [
    "高兴", "平安", "安全", "和平", "文明", "建设", "阳光", "幸福", "美丽", "明天", "方便", "马上",
    "高度", "高层", "高温", "高速", "高铁", "高空", "任何", "常常", "经常", "温暖", "成功", "方法",
    "方向", "时间", "东方", "黄金", "白云", "白天", "江南", "马路", "车站", "车辆", "车位", "石头",
    "金属", "金额", "施工", "管理", "管道", "安装", "安静", "安置", "周围", "周边", "严重", "严格",
    "应该", "应当", "关注", "关心", "路灯", "水管", "水平", "花园", "公园", "广场", "和谐", "强烈",
    "于是", "万一", "向上", "项目", "许多", "云南", "全面", "全部", "单位", "单元", "党员", "谢谢",
];
