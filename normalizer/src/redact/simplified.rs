//! Han characters as they are searched for: digits in ASCII, and one character for each character that is
//! written in two ways in names and addresses, such as 張 and 张, 棟 and 幢.

use std::sync::LazyLock;

use super::digit::digit;

/// The first and last characters of the Han blocks of the basic plane.
const FIRST: char = '\u{3400}';
const LAST: char = '\u{9FFF}';

/// A table, because most characters of a text are Han.
static LETTERS: LazyLock<Vec<char>> = LazyLock::new(|| {
    let ascii = |c| digit(c).and_then(|value| char::from_digit(value, 10)).unwrap_or(c);
    let mut letters: Vec<char> = (FIRST..=LAST).map(ascii).collect();
    let mut pairs = PAIRS.chars();
    while let (Some(traditional), Some(simplified)) = (pairs.next(), pairs.next()) {
        if let Some(letter) = index(traditional).and_then(|index| letters.get_mut(index))
            && *letter == traditional
        {
            *letter = simplified;
        }
    }
    letters
});

/// The letter or digit for a Han character; `None` if it is none.
pub(super) fn han(c: char) -> Option<char> {
    LETTERS.get(index(c)?).copied()
}

fn index(c: char) -> Option<usize> {
    usize::try_from(u32::from(c).checked_sub(u32::from(FIRST))?).ok()
}

/// Traditional characters of names and addresses, each before the simplified one.
const PAIRS: &str = "\
    張张陳陈劉刘楊杨趙赵黃黄吳吴孫孙馬马羅罗鄭郑謝谢韓韩馮冯鄧邓許许蘇苏盧卢蔣蒋賈贾葉叶閻阎餘余\
    鍾钟鐘钟範范譚谭陸陆鄒邹龍龙萬万錢钱湯汤賴赖顧顾龔龚嚴严齊齐喬乔蘭兰紀纪關关項项莊庄聶聂魯鲁\
    藍蓝單单畢毕歐欧鄔邬樂乐竇窦樓楼華华鮑鲍鳳凤費费賀贺時时尋寻談谈龐庞紅红貝贝計计強强婁娄邊边\
    車车滿满習习衛卫東东遲迟賓宾連连鞏巩厲厉塗涂諶谌饒饶倉仓濱滨農农儲储師师鄺邝陽阳國国偉伟軍军\
    麗丽傑杰濤涛豔艳艷艳靜静輝辉飛飞鵬鹏義义興兴榮荣寶宝勝胜學学愛爱廣广誌志雲云婭娅嬌娇嫻娴瑩莹\
    璣玑瓊琼蓮莲薔蔷蘋苹靈灵慶庆憲宪懷怀戀恋揚扬曉晓暉晖曄晔曆历歷历棟栋極极楓枫樹树樺桦橋桥權权\
    歡欢潔洁潤润澤泽濟济瀟潇瀾澜煒炜燁烨燦灿爾尔獻献瑋玮瑤瑶環环畫画療疗發发髮发盡尽碩硕禎祯禮礼\
    穎颖積积競竞筆笔簡简純纯紹绍絲丝綺绮綱纲維维緯纬縱纵績绩繼继續续纓缨翹翘聖圣聞闻聯联聰聪職职\
    肅肃腦脑臨临藝艺蘊蕴覺觉觀观訓训詠咏詩诗誠诚調调諾诺謙谦譯译議议護护讓让豐丰貞贞貴贵資资賢贤\
    贊赞贏赢軒轩輕轻輪轮達达運运過过遠远選选還还郵邮鄉乡鈞钧鈺钰銀银銘铭鋒锋鋼钢錦锦鎮镇鎖锁鏡镜\
    鐵铁長长門门開开閃闪閱阅闊阔陣阵陰阴隨随際际雙双難难電电頁页順顺頌颂頻频額额顏颜願愿顯显風风\
    飄飘馳驰駿骏騰腾驍骁驕骄魚鱼鴻鸿鵑鹃鶴鹤鷹鹰麥麦點点黨党齡龄蔔卜薩萨買买號号層层幢栋戶户區区\
    縣县灣湾圍围園园廠厂廈厦廳厅衝冲裡里裏里後后於于幹干乾干復复徵征穀谷鬱郁巖岩峯峰崗岗嶺岭島岛\
    灘滩溝沟塊块壩坝場场壘垒報报壽寿夢梦獎奖寧宁寬宽專专將将對对導导屆届岡冈幣币幫帮庫库應应彥彦\
    彌弥徑径從从憶忆戰战擇择據据數数斕斓昇升會会條条業业楨桢樑梁機机殘残氣气漢汉漣涟滬沪漁渔瀋沈\
    瀅滢為为無无煙烟熾炽燈灯營营爐炉狀状獅狮現现璽玺瓏珑畝亩當当禦御種种稱称穩稳窩窝節节築筑籃篮\
    紋纹細细終终組组結结給给統统經经綠绿緒绪緣缘縈萦總总繪绘繹绎羣群舊旧艙舱芻刍葦苇蓀荪蔭荫薈荟\
    藥药蘆芦處处虛虚蟬蝉補补記记設设誼谊諧谐謀谋證证識识讀读變变賞赏質质賦赋趕赶躍跃軌轨載载輔辅\
    轉转辦办邁迈邏逻鄰邻醫医釗钊鈴铃鉅钜鉑铂鋭锐銳锐錄录鍵键鑄铸鑒鉴鑑鉴間间閔闵閩闽閣阁陝陕陞升\
    隊队階阶隴陇霧雾韋韦韻韵響响頂顶領领頤颐題题類类飯饭館馆駱骆騎骑驛驿鬆松鮮鲜鯤鲲鳴鸣鴛鸳麵面\
    黌黉齋斋龜龟闓闿嵐岚嬋婵嫵妩媧娲婦妇孌娈孿孪勳勋勛勋勵励勁劲動动務务勢势匯汇協协卻却參参叢丛\
    員员喚唤嘯啸嚮向團团圓圆塵尘墊垫壯壮夾夹奪夺奮奋姍姗嫺娴審审嶽岳嶸嵘巒峦幟帜廬庐彈弹徹彻恆恒\
    悅悦愷恺慮虑憑凭懇恳掃扫攝摄敵敌斬斩晉晋晝昼暢畅書书槍枪樞枢檢检櫻樱殼壳毀毁決决況况涼凉淚泪\
    淨净淵渊渾浑測测溫温滄沧潛潜灑洒煉炼熱热燭烛牆墙獨独獲获瑪玛瑯琅瓈璃甦苏";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_searched_for_in_one_form() {
        for (written, letters) in [
            ("張國華", "张国华"),
            ("鐘鍾钟", "钟钟钟"),
            ("12號3幢樓", "号栋楼"),
            ("陸伍參王龥", "653王龥"),
        ] {
            assert_eq!(written.chars().filter_map(han).collect::<String>(), letters);
        }
        assert!("aＡ。一".chars().take(3).all(|c| han(c).is_none()));
        // Letters are final: the form of a form is the same.
        assert!(LETTERS.iter().all(|letter| han(*letter).is_none_or(|same| same == *letter)));
    }
}
