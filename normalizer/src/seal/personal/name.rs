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
            several: if has_han { several(text) } else { Vec::new() },
        }
    }

    /// The names to search for, with their masks: all that the field has, and each name in it without titles. In
    /// `业主欧阳震霆先生、张三` there are also 欧阳震霆 and 张三.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, String)> {
        let whole = self.plain.as_str();
        // A part of a name that is not whole itself may be any word.
        let texts = self.several.iter().map(String::as_str).chain([whole]);
        let parts = texts.flat_map(|text| text.split(is_between_names));
        let parts = parts.filter(|_| self.doubt.is_none());
        // What stands first is the name, however long.
        let first = whole.split(is_between_names).next().filter(|first| first.contains(is_han));
        let parts = parts
            .map(without_titles)
            .filter(move |part| *part != whole && (may_be_one_name(part) || Some(*part) == first));
        // 张三（女） is searched by its parts: its bracket is not in the name, and 张、王 is no 张王.
        let is_divided = |c: char| is_between_names(c) && !c.is_ascii_digit();
        let has_parts = whole.contains(is_divided) && whole.contains(is_han);
        let names = [whole].into_iter().filter(move |_| !has_parts).chain(parts);
        let is_distinctive = |name: &&str| {
            name.chars().count() > 1 && !is_placeholder(name) && !COMMON_WORDS.contains(name)
        };
        names
            .filter(is_distinctive)
            .filter(|name| !is_no_person(name))
            .map(|name| (name, mask(name)))
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

/// Whether a part of a field is one name in Chinese.
fn may_be_one_name(part: &str) -> bool {
    const MAX_CHARS: usize = 4;
    let is_short = part.chars().count() <= MAX_CHARS || part.contains('·');
    part.chars().any(is_han) && is_short
}

/// Whether a field for a name has an organisation, a group of people, a place or a short number instead. Words
/// with which names of people end are not among the suffixes: 刘镇 is no town.
fn is_no_person(name: &str) -> bool {
    const SUFFIXES: &str = "公司 集团 物业 社区 街道 中心 单位 小区 委会 政府 银行 医院 学校 大队 支队 \
                            法院 派出所 办事处 管理处 分局 热线 协会 商会 合作社 业主 市民 居民 村民 \
                            群众 住户 商户 网友";
    /// Two characters before 市 are a place; one may be a surname.
    const PLACES: [char; 3] = ['市', '区', '县'];
    const MAX_DIGITS: usize = 6;
    let is_place = || name.ends_with(PLACES) && name.chars().count() > 2;
    let is_number = || name.len() <= MAX_DIGITS && name.bytes().all(|byte| byte.is_ascii_digit());
    SUFFIXES.split(' ').any(|suffix| name.ends_with(suffix)) || is_place() || is_number()
}

/// The names in a field in which blanks divide them, such as 张三 李四. 张 三 and 欧阳 修 are one name.
fn several(text: &str) -> Vec<String> {
    let text = clean(text, Profile::Plain).text;
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_name = |word: &&str| {
        let is_compound = || COMPOUND_SURNAMES.iter().any(|surname| word.starts_with(surname));
        match word.chars().count() {
            2 | 3 => !COMPOUND_SURNAMES.contains(word),
            n_chars => n_chars == 4 && is_compound(),
        }
    };
    match words.len() > 1 && words.iter().all(is_name) {
        true => words.into_iter().map(str::to_owned).collect(),
        false => Vec::new(),
    }
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
const COMMON_WORDS: [&str; 78] = [
    "高兴", "平安", "安全", "和平", "文明", "建设", "阳光", "幸福", "美丽", "明天", "方便", "马上",
    "高度", "高层", "高温", "高速", "高铁", "高空", "任何", "常常", "经常", "温暖", "成功", "方法",
    "方向", "时间", "东方", "黄金", "白云", "白天", "江南", "马路", "车站", "车辆", "车位", "石头",
    "金属", "金额", "施工", "管理", "管道", "安装", "安静", "安置", "周围", "周边", "严重", "严格",
    "应该", "应当", "关注", "关心", "路灯", "水管", "水平", "花园", "公园", "广场", "和谐", "强烈",
    "于是", "万一", "向上", "项目", "许多", "云南", "全面", "全部", "单位", "单元", "党员", "谢谢",
    "广大", "全体", "各位", "所有", "部分", "众多",
];
